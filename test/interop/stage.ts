import { readFile } from 'node:fs/promises';
import type { Connection, ConnectOptions, Listener } from 'ibcm';
import { SeededRandom } from 'ibcm/base';
import type { Guest, GuestCommand } from './guest.js';
import type { OurProcess } from './our-process.js';
import { nextRequest, type OurSide } from './our-side.js';

export type Family = 'IPv4' | 'IPv6';
/** What Linux is: it connects, or it listens. */
export type Role = 'client' | 'server';

/** The first case's port; each has one of its own. */
export const PORT = 7471;

/** How long Linux may take to answer, if nothing else is said: a busy machine emulates it slowly. */
const PATIENCE_MS = 60_000;

/** The guest's address. */
export const LINUX: Record<Family, string> = { IPv4: '10.77.0.2', IPv6: 'fd77::2' };

/** What a scenario works with. Everything on it is taken down when the scenario is over. */
export class Stage {
  readonly guest: Guest;
  readonly us: OurSide;
  readonly family: Family;
  /** The network's, in bytes. */
  readonly mtu: number;
  /** The port that either side listens on. */
  readonly port: number;
  /** Reboots the guest. */
  readonly reboot: () => Promise<void>;
  /** An `ibcm` command of its own, on our address: closes our adapter first, because a UDP port has one owner. */
  readonly spawnOurs: (...words: readonly string[]) => Promise<OurProcess>;
  readonly #started: GuestCommand[] = [];

  constructor(parts: Pick<Stage, 'guest' | 'us' | 'family' | 'mtu' | 'port' | 'reboot' | 'spawnOurs'>) {
    this.guest = parts.guest;
    this.us = parts.us;
    this.family = parts.family;
    this.mtu = parts.mtu;
    this.port = parts.port;
    this.reboot = parts.reboot;
    this.spawnOurs = parts.spawnOurs;
  }

  get linuxAddress(): string {
    return LINUX[this.family];
  }

  /** Losses are the same in every run. */
  random(): SeededRandom {
    return new SeededRandom(1);
  }

  /** Starts rdma-peer towards us. */
  linuxConnects(options = ''): GuestCommand {
    return this.start(`rdma-peer connect ${this.us.address} ${this.port} ${options}`);
  }

  /** Starts rdma-peer and waits until it listens. */
  async linuxListens(options = ''): Promise<GuestCommand> {
    const linux = this.start(`rdma-peer listen ${this.linuxAddress} ${this.port} ${options}`);
    await linux.event('listening');
    return linux;
  }

  /** Starts a program in the guest. */
  start(program: string): GuestCommand {
    const command = this.guest.start(program);
    this.#started.push(command);
    return command;
  }

  /** Listens as endpoints do. */
  listen(options: { readonly backlog?: number } = {}): Promise<Listener> {
    return this.us.adapter.listen({ port: this.port, ...options });
  }

  /** Connects to Linux. */
  connect(options: Partial<ConnectOptions> = {}): Promise<Connection> {
    return this.us.adapter.connect({ host: this.linuxAddress, port: this.port, timeoutMs: PATIENCE_MS, ...options });
  }

  /** Accepts the next request. */
  async accept(options: Parameters<Awaited<ReturnType<typeof nextRequest>>['accept']>[0] = {}): Promise<Connection> {
    const request = await nextRequest(await this.listen());
    return request.accept({ timeoutMs: PATIENCE_MS, ...options });
  }

  /** Waits until a program in the guest listens, if it does not say so itself. */
  async untilLinuxListens(port = this.port): Promise<void> {
    const listens = `rdma resource show cm_id | grep -q 'LISTEN.*:${port} '`;
    await this.guest.must(`for i in $(seq 200); do ${listens} && exit; sleep 0.2; done; exit 1`);
  }

  /** Ends what still runs in the guest. */
  async close(): Promise<void> {
    for (const command of this.#started) if (!command.ended) await command.kill(this.guest);
  }
}

/** The program that lab/build-peer.sh made. */
export const readProgram = (path: string): Promise<Uint8Array> => readFile(path);
