import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Adapter, EndpointEvent } from '../endpoint/index.js';
import { CaptureFile, CaptureTap, IoError, openAdapter, type RocePort, type SocketKind } from '../io/index.js';
import type { ServiceCloseCause } from '../service/index.js';
import type { EventPrinter } from './event-printer.js';
import { type CommandConnection, Opened } from './opened.js';
import { connectTo, type ServiceChoice, socketOfOwner } from './service-choice.js';

export interface SessionOptions extends ServiceChoice {
  readonly capture?: string;
  readonly icrc?: 'verify' | 'ignore';
  readonly sockets?: SocketKind;
  readonly busyPoll?: boolean;
}

/** What ends a session early. SIGPIPE, which main.ts raises, means that nobody reads our output any more. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const;

/** How long to wait for peers to acknowledge when the user wants to stop. */
export const STOP_TIMEOUT_MS = 2_000;

/** Runs a command with an adapter and closes everything in the end, however it ends: also on Ctrl-C, with the signal's status. */
export class Session {
  readonly #printer: EventPrinter;
  readonly #options: SessionOptions;
  readonly #events: boolean;
  readonly #interrupt = new AbortController();
  #capture: CaptureFile | undefined;

  /** @param events whether the CM's events are printed. */
  constructor(printer: EventPrinter, options: SessionOptions, events = true) {
    this.#printer = printer;
    this.#options = options;
    this.#events = events;
  }

  /** Aborted when the user wants to stop. */
  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** @returns the status to exit with. */
  async run(work: () => Promise<number>): Promise<number> {
    const stop = (signal: NodeJS.Signals): void => {
      // A second Ctrl-C ends the process as usual. Of a closed output, every line that we still print tells again.
      if (signal !== 'SIGPIPE') process.off(signal, stop);
      this.#interrupt.abort(signal);
    };
    for (const signal of SIGNALS) process.on(signal, stop);
    try {
      const status = await this.#working(work);
      return this.signal.aborted ? interruptedStatus(this.signal.reason as NodeJS.Signals) : status;
    } finally {
      for (const signal of SIGNALS) process.off(signal, stop);
    }
  }

  async #working(work: () => Promise<number>): Promise<number> {
    try {
      await this.#checkCapture();
      const status = await work();
      await this.#capture?.close();
      return status;
    } catch (error) {
      // The capture's own fault, if it has one too, matters less.
      await this.#capture?.close().catch(() => undefined);
      if (this.signal.aborted && error === this.signal.reason) return 0;
      throw error;
    }
  }

  async #checkCapture(): Promise<void> {
    const { capture } = this.#options;
    if (capture === undefined) return;
    try {
      // Whether the file can be written should show now, and not when all is over. What it holds is not touched before there is something to capture.
      await (await open(capture, 'a')).close();
    } catch (error) {
      throw new Error(`cannot write the capture: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The service that the user has named, if there is one. */
  get service(): string | undefined {
    const { service } = this.#options;
    return service === false ? undefined : service;
  }

  /** Opens an adapter on an address of this machine: one of our own, or that of the service which owns the address. */
  async open(address: string): Promise<Opened> {
    if (this.service !== undefined) return this.openService(this.service, address);
    try {
      return new Opened(await this.#openOwn(address));
    } catch (error) {
      if (this.#options.service === false || !isPortInUse(error)) throw error;
      const { address: taken } = error.details as { address: string };
      const socket = await socketOfOwner(taken);
      if (socket === undefined) throw error;
      return await this.openService(socket, taken);
    }
  }

  /** Uses a service's adapter. @param address which of its addresses; undefined: any. */
  async openService(socket: string, address?: string): Promise<Opened> {
    const { capture, icrc, busyPoll } = this.#options;
    if (capture !== undefined) {
      throw new Error(
        `--capture needs an adapter of its own, and the one of the service on ${socket} is used: see "ibcm trace --capture"`,
      );
    }
    const own = icrc === 'ignore' ? '--icrc' : busyPoll ? '--busy-poll' : undefined;
    if (own !== undefined)
      throw new Error(`${own} needs an adapter of its own, and the one of the service on ${socket} is used`);
    const client = await connectTo(socket);
    this.#printer.print('service', { socket, client: client.id });
    return new Opened(client, address);
  }

  #openOwn(address: string): Promise<Adapter> {
    const { capture, icrc, sockets, busyPoll } = this.#options;
    const tap = (port: RocePort, file: string): RocePort => {
      this.#capture ??= new CaptureFile(file);
      return new CaptureTap(port, this.#capture);
    };
    return openAdapter({
      address,
      ...(icrc && { icrc }),
      ...(sockets && { sockets }),
      ...(busyPoll && { busyPoll }),
      ...(capture !== undefined && { wrapPort: (port) => tap(port, capture) }),
      ...(this.#events && { onEvent: (event: EndpointEvent) => this.#printer.printEvent(event) }),
      onWarning: (warning) => process.stderr.write(`ibcm: warning: ${warning}\n`),
    });
  }

  /** Prints that the connection has ended, when it has. @returns why it ended. */
  async untilClosed(connection: CommandConnection): Promise<ServiceCloseCause> {
    const { cause } = await connection.closed;
    // The line of the DREQ that ended it comes first.
    await nextTurn();
    this.#printer.printClosed(connection.remote, cause);
    return cause;
  }

  /** Waits for a time, or until the user wants to stop, or until something else happens. */
  async pause(milliseconds: number, other: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.signal, over.signal]);
    await Promise.race([other, sleep(milliseconds, undefined, { signal }).catch(() => undefined)]);
    // A timer that nobody waits for would keep the process alive.
    over.abort();
  }
}

const isPortInUse = (error: unknown): error is IoError => error instanceof IoError && error.code === 'PORT_IN_USE';

const SIGNAL_STATUS_BASE = 128;

/** The status by which shells tell that a signal ended a program. */
export const endsBySignal = (signal: NodeJS.Signals): number => SIGNAL_STATUS_BASE + constants.signals[signal];

/** The same; but that nobody wants more output is no failure. */
export const interruptedStatus = (signal: NodeJS.Signals): number => (signal === 'SIGPIPE' ? 0 : endsBySignal(signal));
