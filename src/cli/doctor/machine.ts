import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type SocketSupport, socketSupport } from '../../io/index.js';
import type { RunningService } from '../service-choice.js';

export interface LocalAddress {
  /** Of the interface. */
  readonly name: string;
  readonly address: string;
  readonly isLoopback: boolean;
}

/** What the doctor looks at. */
export interface Machine {
  readonly platform: string;
  readonly sockets: SocketSupport;
  readonly addresses: readonly LocalAddress[];
  /** Services of ours that run. */
  readonly services: readonly RunningService[];
  /** A text file; undefined if it is not there, or not ours to read. */
  read(path: string): string | undefined;
  /** What a folder holds; nothing if it is not there, or not ours to read. */
  list(path: string): readonly string[];
  /** Where a symbolic link leads. */
  link(path: string): string | undefined;
}

/** The machine that we run on. */
export function thisMachine(services: readonly RunningService[]): Machine {
  return {
    services,
    platform: process.platform,
    sockets: socketSupport(),
    addresses: Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      addresses.map(({ address, internal }) => ({ name, address, isLoopback: internal })),
    ),
    read: (path) => orNothing(() => readFileSync(path, 'utf8')),
    list: (path) => orNothing(() => readdirSync(path)) ?? [],
    link: (path) => orNothing(() => readlinkSync(path)),
  };
}

/** That something is not there is an answer, too. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
