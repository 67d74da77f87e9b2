import {
  DEFAULT_P_KEY,
  formatAddress,
  type Gid,
  gidAt,
  isIpv4Gid,
  parseGid,
  QPN_MAX,
  type Qpn,
} from '../base/index.js';
import { type DatagramDestination, NETWORK_HEADER_BYTES } from '../transport/index.js';
import { RDMA_UDP_Q_KEY } from '../wire/index.js';
import { checkInteger } from './check-integer.js';
import { closedError, type ReceiveOptions } from './connection.js';
import { EndpointError } from './error.js';
import type { Message, Received } from './received-messages.js';
import type { EventHandler, EventRouter, Moving, Seat } from './router.js';
import { checkTransfers, DEFAULT_RECEIVE_BYTES, type TransferOptions } from './transfer-options.js';
import type { ImmediateOption } from './transfers.js';

const WORD_MAX = 0xffff_ffff;
/** Destinations that are remembered. Beyond it the memory starts afresh. */
const DESTINATIONS_MAX = 4_096;
const GID_IN_IPV6_HEADER = 8;
const ADDRESS_IN_IPV4_HEADER = NETWORK_HEADER_BYTES - 8;

export interface DatagramSocketOptions extends TransferOptions {
  /** The address of the adapter to send from and receive at. Default: the first. */
  readonly address?: string;
  /** What datagrams to us must carry, 32 bits. Default: rdma_cm's, 0x01234567. */
  readonly qKey?: number;
  /** Default 0xffff. */
  readonly pKey?: number;
}

/** Where a datagram goes; what `Adapter.lookup` finds is one. */
export interface DatagramAddress {
  /** An IP address, in the family of ours. */
  readonly address: string;
  readonly qpn: number;
  readonly qKey: number;
}

/** A datagram that has come. */
export interface Datagram extends Message {
  /** Who has sent it. */
  readonly from: { readonly address: string; readonly qpn: number };
}

interface SocketParts extends DatagramSocketOptions {
  readonly sendPsn: number;
}

/**
 * Sends and receives datagrams through a queue pair of its own (UD). They are as unreliable as UDP's: one that is lost, too long for a receive
 * buffer, or comes while none is free, is gone. The longest is what the adapter's limits say (`maxDatagramBytes`).
 */
export class DatagramSocket implements EventHandler {
  /** The adapter's address. */
  readonly address: string;
  /** What peers must know beside it: tell them with `LookupRequest.accept`. */
  readonly qKey: number;
  readonly #router: EventRouter;
  readonly #localGid: Gid;
  readonly #port: number;
  readonly #open: Seat & Moving;
  readonly #destinations = new Map<string, DatagramDestination['handle']>();
  #closed = false;

  /** @internal Made by `Adapter.openDatagramSocket`. */
  constructor(router: EventRouter, options: SocketParts) {
    const {
      address,
      qKey = RDMA_UDP_Q_KEY,
      pKey = DEFAULT_P_KEY,
      sendPsn,
      receiveBytes = DEFAULT_RECEIVE_BYTES,
    } = options;
    checkTransfers(options);
    checkInteger('qKey', qKey, 0, WORD_MAX);
    checkInteger('pKey', pKey, 0, 0xffff);
    const port = address === undefined ? 1 : router.local.portOf('address', address);
    this.#router = router;
    this.#port = port;
    this.#localGid = router.local.gidAt(port);
    this.address = router.local.at(port);
    this.qKey = qKey;
    const room = { ...options, receiveBytes: receiveBytes + NETWORK_HEADER_BYTES };
    this.#open = router.openDatagramQueuePair(this, { port, pKey, qKey, sendPsn }, room);
  }

  /** The queue pair's number. */
  get qpn(): Qpn {
    return this.#open.queuePair.qpn;
  }

  /**
   * Sends a datagram, and waits until it is gone: nobody says whether it arrives. The data must not be changed before that.
   * @throws EndpointError `INVALID_ARGUMENT`, `CLOSED`; TransferError `LOCAL_LENGTH_ERROR` when it is too long: the socket is of no use then.
   */
  async send(data: Uint8Array, to: DatagramAddress, options: ImmediateOption = {}): Promise<void> {
    if (this.#closed) throw closedError('the socket');
    const { address, qpn, qKey } = to;
    checkInteger('qpn', qpn, 0, QPN_MAX);
    checkInteger('qKey', qKey, 0, WORD_MAX);
    await this.#open.transfers.send(data, options, { handle: this.#handleOf(address), qpn, qKey });
  }

  /** The next datagram; undefined when the socket was closed and all were received. @throws the signal's reason. */
  async receive({ signal }: ReceiveOptions = {}): Promise<Datagram | undefined> {
    const received = await this.#open.transfers.received.next(signal);
    return received && this.#datagramOf(received);
  }

  /** Destroys the queue pair. Harmless the second time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#router.destroy(this.#open);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** @internal A socket has no events of the CM. */
  handleEvent(): void {}

  /** @internal */
  async shutDown(): Promise<void> {
    this.close();
  }

  #handleOf(address: string): DatagramDestination['handle'] {
    const known = this.#destinations.get(address);
    if (known !== undefined) return known;
    const remoteGid = parseGid(address);
    if (isIpv4Gid(remoteGid) !== isIpv4Gid(this.#localGid)) {
      const text = `address is ${address}; it must be of the family of ${this.address}`;
      throw new EndpointError('INVALID_ARGUMENT', text, { name: 'address', value: address });
    }
    if (this.#destinations.size >= DESTINATIONS_MAX) this.#destinations.clear();
    const handle = this.#open.transfers.createAddressHandle({
      port: this.#port,
      localGid: this.#localGid,
      remoteGid,
      trafficClass: 0,
      sourcePort: 0,
    });
    this.#destinations.set(address, handle);
    return handle;
  }

  #datagramOf({ data, immediate, sourceQpn = 0 }: Received): Datagram {
    const address = isIpv4Gid(this.#localGid)
      ? data.subarray(ADDRESS_IN_IPV4_HEADER, ADDRESS_IN_IPV4_HEADER + 4).join('.')
      : formatAddress(gidAt(data, GID_IN_IPV6_HEADER));
    return { data: data.subarray(NETWORK_HEADER_BYTES), immediate, from: { address, qpn: sourceQpn } };
  }
}
