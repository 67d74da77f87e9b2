import type { Datagram, DatagramAddress, ImmediateOption, ReceiveOptions } from '../../endpoint/index.js';
import { given } from '../given.js';
import type * as wire from '../messages.js';
import type { Caller } from './caller.js';

/** Sends and receives datagrams through a queue pair at the service. See `DatagramSocket`. */
export class ServiceDatagramSocket {
  readonly address: string;
  readonly qKey: number;
  readonly qpn: number;
  readonly #caller: Caller;
  readonly #handle: number;
  #closed = false;

  /** @internal */
  constructor(caller: Caller, { handle, address, qKey, qpn }: wire.Socket) {
    this.#caller = caller;
    this.#handle = handle;
    this.address = address;
    this.qKey = qKey;
    this.qpn = qpn;
  }

  /** See `DatagramSocket.send`. */
  async send(data: Uint8Array, { address, qpn, qKey }: DatagramAddress, options: ImmediateOption = {}): Promise<void> {
    const request = { handle: this.#handle, data, address, qpn, qKey, ...given(options) };
    await this.#caller.call('sendDatagram', request);
  }

  /** See `DatagramSocket.receive`. What the socket had not given out when it was closed is lost. */
  async receive({ signal }: ReceiveOptions = {}): Promise<Datagram | undefined> {
    if (this.#closed) return undefined;
    const { datagram } = await this.#caller.call('receiveDatagram', { handle: this.#handle }, { signal });
    if (datagram === undefined) return undefined;
    const { data, immediate, address, qpn } = datagram;
    return { data, immediate, from: { address, qpn } };
  }

  /** Destroys the queue pair. Does not wait for the service; harmless the second time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#caller.end === undefined) this.#caller.call('close', { handle: this.#handle }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
