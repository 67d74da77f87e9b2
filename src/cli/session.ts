import { constants } from 'node:os';
import type { Adapter, EndpointEvent } from '../endpoint/index.js';
import { CaptureFile, CaptureTap, IoError, openAdapter } from '../io/index.js';
import type { EventPrinter } from './event-printer.js';

export interface SessionOptions {
  readonly capture?: string;
  readonly icrc?: 'verify' | 'ignore';
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a command with an adapter and closes everything in the end, however it ends: also on Ctrl-C, with the signal's status. */
export class Session {
  readonly #printer: EventPrinter;
  readonly #options: SessionOptions;
  readonly #interrupt = new AbortController();
  #capture: CaptureFile | undefined;

  constructor(printer: EventPrinter, options: SessionOptions) {
    this.#printer = printer;
    this.#options = options;
  }

  /** Aborted when the user wants to stop. */
  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** @returns the status to exit with. */
  async run(work: () => Promise<number>): Promise<number> {
    const stop = (signal: NodeJS.Signals): void => this.#interrupt.abort(signal);
    // Once: a second signal ends the process as usual.
    for (const signal of SIGNALS) process.once(signal, stop);
    try {
      const status = await work();
      return this.signal.aborted ? interrupted(this.signal) : status;
    } catch (error) {
      if (this.signal.aborted && error === this.signal.reason) return interrupted(this.signal);
      throw error;
    } finally {
      for (const signal of SIGNALS) process.off(signal, stop);
      await this.#capture?.close();
    }
  }

  /** Opens an adapter on an address. */
  async open(address: string): Promise<Adapter> {
    const { capture, icrc } = this.#options;
    if (capture !== undefined) this.#capture ??= new CaptureFile(capture);
    const file = this.#capture;
    return openAdapter({
      address,
      ...(icrc && { icrc }),
      ...(file && { wrapPort: (port) => new CaptureTap(port, file) }),
      onEvent: (event: EndpointEvent) => this.#printer.printEvent(event),
      onWarning: (warning) => process.stderr.write(`ibcm: warning: ${warning}\n`),
    });
  }

  /** Opens an adapter on the first address of 127/8 after `peer` whose port is free. */
  async openLoopback(peer: string): Promise<Adapter> {
    const octets = peer.split('.').map(Number);
    const start = octets.reduce((number, octet) => number * 256 + octet, 0);
    for (let candidate = start + 1; ; candidate += 1) {
      const address = [24, 16, 8, 0].map((shift) => (candidate >>> shift) & 0xff).join('.');
      try {
        return await this.open(address);
      } catch (error) {
        const taken = error instanceof IoError && error.code === 'PORT_IN_USE';
        if (!taken || candidate - start >= LOOPBACK_TRIES) throw error;
      }
    }
  }
}

const LOOPBACK_TRIES = 250;
const SIGNAL_STATUS_BASE = 128;

/** The status by which shells tell that a signal ended a program. */
function interrupted(signal: AbortSignal): number {
  return SIGNAL_STATUS_BASE + constants.signals[signal.reason as NodeJS.Signals];
}

/** Waits for a time, or until the signal is aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, milliseconds);
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}
