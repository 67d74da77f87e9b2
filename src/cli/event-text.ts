import { formatHostAndPort } from './arguments.js';
import type { EventLine } from './event-printer.js';
import { showPrivateData } from './private-data.js';
import type { Style } from './style.js';

const EVENT_WIDTH = 'dreq_received'.length;

/** An event as a line for people: local time, name, and its fields as name=value. */
export function eventText({ event, time, ...fields }: EventLine, style: Style): string {
  const details = joinPorts(Object.entries(fields)).flatMap(([name, value]) => fieldText(name, value));
  const line = `${style.dim(clock(time))}  ${colourOf(event, style)(event.padEnd(EVENT_WIDTH))}  ${details.join('  ')}`;
  return line.trimEnd();
}

function colourOf(event: string, { bold, green, red }: Style): (text: string) => string {
  if (event === 'established' || event === 'found') return green;
  return event === 'error' || event === 'rej_received' || event.endsWith('_error') ? red : bold;
}

/** Hours to milliseconds, in the time zone of whoever reads it. */
export function clock(seconds: number): string {
  const date = new Date(seconds * 1_000);
  const [hours, minutes, rest] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${hours}:${minutes}:${rest}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** An address and its port stand together: remote=127.0.0.2:50000. */
function joinPorts(fields: [string, unknown][]): [string, unknown][] {
  const values = new Map(fields);
  return fields.flatMap(([name, value]): [string, unknown][] => {
    if (/^(local|remote)?port$/i.test(name)) return [];
    const end = /^(?:(local|remote)A|a)ddress$/.exec(name);
    if (end === null) return [[name, value]];
    const side = end[1];
    const port = values.get(side === undefined ? 'port' : `${side}Port`);
    return [[side ?? 'address', formatHostAndPort(String(value), Number(port))]];
  });
}

function fieldText(name: string, value: unknown): string[] {
  if (value === undefined || value === '') return [];
  if (name === 'privateData') {
    const shown = showPrivateData(Buffer.from(String(value), 'hex'));
    return shown === undefined ? [] : [`privateData=${shown}`];
  }
  if (name === 'message') return [String(value)];
  if (typeof value === 'number' && /qpn|psn/i.test(name)) return [`${name}=0x${value.toString(16).padStart(6, '0')}`];
  if (typeof value === 'number' && name === 'qKey') return [`${name}=0x${value.toString(16).padStart(8, '0')}`];
  return [`${name}=${String(value)}`];
}
