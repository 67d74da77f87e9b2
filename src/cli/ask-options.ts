import type { Command } from 'commander';
import type { AskOptions } from '../endpoint/index.js';
import { openTowards, preferIpv4Loopback } from './addresses.js';
import { integer, privateData } from './arguments.js';
import type { Opened } from './opened.js';
import { addServiceChoice } from './service-choice.js';
import type { Session, SessionOptions } from './session.js';

/** What the commands that ask a peer have in common. */

export interface AskCommandOptions
  extends SessionOptions,
    Omit<AskOptions, 'host' | 'port' | 'signal' | 'trafficClass'> {
  readonly from?: string;
  readonly tos?: number;
  readonly json?: boolean;
}

export const MS_MAX = 86_400_000;

/** Whom to ask from, what to say, and how long to wait. @param privateDataMax what the request holds. */
export function addAskOptions(command: Command, privateDataMax: number): Command {
  return addServiceChoice(command)
    .option(
      '--from <address>',
      `address of this machine to ${command.name() === 'connect' ? 'connect' : 'ask'} from (default: by the route; to a loopback peer the next free of 127/8)`,
    )
    .option(
      '--private-data <data>',
      `private data of the request: text, or bytes as 0xHEX; at most ${privateDataMax} bytes`,
      privateData(privateDataMax),
    )
    .option('--timeout-ms <n>', 'how long to try (default: 10000)', integer('The time', 1, MS_MAX))
    .option(
      '--response-timeout-ms <n>',
      'how long to wait for an answer before asking again (default: 1000)',
      integer('The time', 1, MS_MAX),
    )
    .option('--retries <n>', 'how often to ask again at most (default: 15)', integer('Retries', 0, 255))
    .option('--tos <n>', 'type of service: DSCP and ECN bits', integer('The type of service', 0, 255))
    .option('--p-key <n>', 'partition key', integer('A partition key', 0, 0xffff))
    .option('--source-port <n>', 'UDP source port', integer('A UDP port', 1, 65_535));
}

/** An adapter on the address that the user named, or on one that leads to the host. */
export function openFor(session: Session, host: string, from: string | undefined): Promise<Opened> {
  if (from !== undefined) return session.open(preferIpv4Loopback(from));
  // A service finds the way itself.
  if (session.service !== undefined) return session.openService(session.service);
  return openTowards(host, (address) => session.open(address));
}
