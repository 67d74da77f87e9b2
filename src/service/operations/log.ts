import { destination, type Logger, pino } from 'pino';
import type { LogLevel } from './settings.js';

export type { Logger } from 'pino';

/**
 * The service's log: a JSON object a line, with a time that people can read, and numbers for what it is about: `client` for the service's client, `cid`
 * for the connection as `ibcm ps` shows it.
 * @param descriptor where to write; by default the error output, which is a journal's or a container's.
 */
export function openLog(level: LogLevel, descriptor = 2): Logger {
  // What a log says last is what matters most, so nothing is kept back.
  const output = destination({ fd: descriptor, sync: true });
  // Whoever does not read the log any more does not end the service.
  output.on('error', () => undefined);
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, output);
}
