import type { WriteStream } from 'node:tty';

/** Marks text for a terminal. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
}

const same = (text: string): string => text;
export const PLAIN: Style = { bold: same, dim: same, green: same, red: same };

const mark =
  (begin: number, end: number) =>
  (text: string): string =>
    `\u001b[${begin}m${text}\u001b[${end}m`;
const COLOURED: Style = { bold: mark(1, 22), dim: mark(2, 22), green: mark(32, 39), red: mark(31, 39) };

/** Colours only on a terminal, and only if `NO_COLOR` is empty or not set (no-color.org). */
export function styleFor(
  stream: Pick<WriteStream, 'isTTY'> | object,
  environment: NodeJS.ProcessEnv = process.env,
): Style {
  const terminal = 'isTTY' in stream && stream.isTTY === true;
  return terminal && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb' ? COLOURED : PLAIN;
}
