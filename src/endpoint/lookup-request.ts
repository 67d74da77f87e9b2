import { type Cid, formatAddress } from '../base/index.js';
import {
  decodeIpCmHeader,
  IP_CM_HEADER_BYTES,
  RDMA_UDP_Q_KEY,
  SIDR_STATUSES,
  type SidrReq,
  type SidrStatus,
} from '../wire/index.js';
import { checkInteger } from './check-integer.js';
import { closedError } from './connection.js';
import { EndpointError } from './error.js';
import type { NumberSource } from './numbers.js';
import { checkPrivateData } from './options.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

const SIDR_REP_PRIVATE_DATA_MAX = 136;
const STATUS_MAX = 0xff;
const Q_KEY_MAX = 0xffff_ffff;

export interface LookupAcceptOptions {
  /** The queue pair that serves, 2 to 16,777,215. Default: a number that this adapter has not used lately. */
  readonly qpn?: number;
  /** The Q_Key that datagrams to it must carry, 32 bits. Default rdma_cm's, 0x01234567. */
  readonly qKey?: number;
  /** At most 136 bytes. */
  readonly privateData?: Uint8Array;
}

export interface LookupRejectOptions {
  /** By name or number, 1 to 255; default `rejected`. */
  readonly status?: Exclude<SidrStatus, 'valid'> | number;
  /** At most 136 bytes. */
  readonly privateData?: Uint8Array;
}

/** A peer that looks a datagram service up (librdmacm: `RDMA_CM_EVENT_CONNECT_REQUEST` at a datagram ID). Answer it once. */
export class LookupRequest implements EventHandler {
  /** The peer's address and the port that it calls its own. */
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: { readonly address: string; readonly port: number };
  /** The whole field after rdma_cm's header, 180 bytes: the length is not on the wire. */
  readonly privateData: Uint8Array;
  readonly pKey: number;
  readonly #router: EventRouter;
  readonly #id: EndpointId;
  readonly #numbers: NumberSource;
  #overBecause: Error | undefined;

  /** @internal @returns undefined if the request's header makes no sense. */
  static of(
    router: EventRouter,
    id: EndpointId,
    question: SidrReq,
    port: number,
    numbers: NumberSource,
  ): LookupRequest | undefined {
    const header = decodeIpCmHeader(question.privateData);
    if (header instanceof Error) return undefined;
    const remote = { address: formatAddress(header.source), port: header.sourcePort };
    const local = { address: formatAddress(header.destination), port };
    return new LookupRequest(router, id, question, { remote, local }, numbers);
  }

  private constructor(
    router: EventRouter,
    id: EndpointId,
    { privateData, pKey }: SidrReq,
    { remote, local }: Pick<LookupRequest, 'remote' | 'local'>,
    numbers: NumberSource,
  ) {
    this.#router = router;
    this.#id = id;
    this.#numbers = numbers;
    this.remote = remote;
    this.local = local;
    this.privateData = privateData.subarray(IP_CM_HEADER_BYTES);
    this.pKey = pKey;
    id.context.handler = this;
  }

  /** The CM's handle, as in the events that an adapter's `onEvent` sees. */
  get cid(): Cid {
    return this.#id.cid;
  }

  /** Whether it can still be answered. */
  get isPending(): boolean {
    return this.#overBecause === undefined;
  }

  /**
   * Says which queue pair serves. Does not wait: a peer that does not hear it asks again, with a request of its own.
   * @returns the queue pair number and Q_Key that were told.
   * @throws EndpointError `CLOSED` when it was answered; `PRIVATE_DATA_TOO_LONG`, `INVALID_ARGUMENT` for what can be corrected.
   */
  accept({ qpn, qKey = RDMA_UDP_Q_KEY, privateData }: LookupAcceptOptions = {}): { qpn: number; qKey: number } {
    if (qpn !== undefined) checkInteger('qpn', qpn, 2, 0xff_ffff);
    checkInteger('qKey', qKey, 0, Q_KEY_MAX);
    const told = { qpn: qpn ?? this.#numbers.nextQpn(), qKey };
    this.#answer(told, privateData);
    return told;
  }

  /** Refuses. @throws EndpointError as {@link accept}. */
  reject({ status = 'rejected', privateData }: LookupRejectOptions = {}): void {
    const number = typeof status === 'number' ? status : SIDR_STATUSES[status];
    checkInteger('status', number, 1, STATUS_MAX);
    this.#answer({ status: number }, privateData);
  }

  /** @internal */
  async shutDown(): Promise<void> {
    this.close();
  }

  /** @internal The listener or adapter is being closed: destroying rejects. */
  close(): void {
    this.#overBecause ??= closedError('the adapter');
    this.#router.destroy(this.#id);
  }

  /** @internal Nothing happens to a request that has been told. */
  handleEvent(_event: EndpointEvent): void {}

  #answer(answer: { status?: number; qpn?: number; qKey?: number }, privateData: Uint8Array | undefined): void {
    if (this.#overBecause !== undefined) throw this.#overBecause;
    checkPrivateData(privateData, SIDR_REP_PRIVATE_DATA_MAX, 'SIDR_REP');
    this.#router.command((cm, now) =>
      cm.sendSidrRep(this.#id, { ...answer, ...(privateData && { privateData }) }, now),
    );
    this.#overBecause = new EndpointError('CLOSED', 'the request has been answered already', {});
    this.#router.destroy(this.#id);
  }
}
