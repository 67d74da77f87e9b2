import type { ConnectionDetails, DatagramService, EndpointEvent } from '../endpoint/index.js';
import { calendarNow } from '../io/index.js';
import type { ServiceCloseCause } from '../service/index.js';
import { eventFields, type Fields, hex } from './event-fields.js';
import { eventText } from './event-text.js';
import type { Style } from './style.js';

/** One line of output: what happened, when, and the event's own fields. */
export interface EventLine {
  readonly event: string;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly [field: string]: unknown;
}

/** Seconds since the epoch. */
const now = (): number => calendarNow() / 1_000;

/** Prints events, one a line, for people or as JSON. */
export class EventPrinter {
  readonly #output: NodeJS.WritableStream;
  readonly #json: boolean;
  readonly #style: Style;
  /** The time of the line that was printed last. */
  #last = 0;

  constructor(output: NodeJS.WritableStream, json: boolean, style: Style) {
    this.#output = output;
    this.#json = json;
    this.#style = style;
  }

  /** @param at when it happened. Times of lines do not go back. */
  print(event: string, fields: Fields, at = now()): void {
    const time = Math.max(at, this.#last);
    this.#last = time;
    const line: EventLine = { event, time, ...fields };
    this.#output.write(`${this.#json ? JSON.stringify(line) : eventText(line, this.#style)}\n`);
  }

  /** An event of the CM. A DREQ waits for the next turn: it may come together with what establishes the connection, of which a command hears in this one. */
  printEvent(event: EndpointEvent): void {
    const fields = { cid: event.cid, ...eventFields(event) };
    const time = now();
    if (event.type === 'dreq_received') setImmediate(() => this.print(event.type, fields, time));
    else this.print(event.type, fields, time);
  }

  printEstablished(connection: Pick<ConnectionDetails, 'local' | 'remote' | 'privateData'>): void {
    const { local, remote, privateData } = connection;
    this.print('established', {
      localAddress: local.address,
      localPort: local.port,
      localQpn: local.qpn,
      remoteAddress: remote.address,
      remotePort: remote.port,
      remoteQpn: remote.qpn,
      privateData: hex(privateData),
    });
  }

  /** Where datagrams for a service go. */
  printFound({ address, port, qpn, qKey, privateData }: DatagramService): void {
    this.print('found', { address, port, qpn, qKey, privateData: hex(privateData) });
  }

  printClosed(remote: { readonly address: string; readonly port: number }, cause: ServiceCloseCause): void {
    this.print('closed', { remoteAddress: remote.address, remotePort: remote.port, cause });
  }

  /** What went wrong with one connection of several. */
  printError(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    this.print('error', { code, message: error instanceof Error ? error.message : String(error) });
  }
}
