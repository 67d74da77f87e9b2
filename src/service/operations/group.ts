import { readFileSync } from 'node:fs';
import { ServiceError } from '../error.js';

const GROUP_FILE = '/etc/group';

/** The number of a group, by its name or number. @throws ServiceError `CONFIGURATION` */
export function groupId(group: string, file = GROUP_FILE): number {
  if (/^\d+$/.test(group)) return Number(group);
  let lines: readonly string[] = [];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch {
    // Then no name is known.
  }
  for (const line of lines) {
    const [name, , id] = line.split(':');
    if (name === group && id !== undefined) return Number(id);
  }
  const text = `group is ${JSON.stringify(group)}; ${file} has no such group: name one that it has, or give its number`;
  throw new ServiceError('CONFIGURATION', text, { group });
}
