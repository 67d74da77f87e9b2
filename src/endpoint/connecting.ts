import {
  elapsed,
  formatAddress,
  type Gid,
  type Instant,
  isIpv4Gid,
  seconds,
  TIME_EXPONENT_MAX,
} from '../base/index.js';
import type { ReqParameters } from '../cep/index.js';
import {
  encodeIpCmHeader,
  IP_CM_HEADER_BYTES,
  IP_CM_REQ_PRIVATE_DATA_MAX,
  type Rep,
  serviceIdOfPort,
} from '../wire/index.js';
import { Connection, closedError, rejectDetails } from './connection.js';
import { Deferred } from './deferred.js';
import { durationText, EndpointError, endText, RejectedError } from './error.js';
import {
  type BoundedTiming,
  checkInteger,
  checkPrivateData,
  checkQueuePair,
  DEFAULT_TIMEOUT_MS,
  type QueuePairOptions,
  type WaitOptions,
  wireTiming,
} from './options.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

/** Exponents of the queue pair's ACK timeout, and others that users of rdma_cm set. */
export interface ConnectOptions extends WaitOptions, QueuePairOptions {
  /** Name or address. */
  readonly host: string;
  /** Port in the TCP port space of rdma_cm, 1 to 65,535. */
  readonly port: number;
  /** At most 56 bytes. */
  readonly privateData?: Uint8Array;
  /** Aborting it ends the attempt: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Exponent of the queue pair's ACK timeout, 1 to 31 (`RDMA_OPTION_ID_ACK_TIMEOUT`). Default from the path. */
  readonly ackTimeout?: number;
  /** Type of service: DSCP and ECN, 0 to 255 (`RDMA_OPTION_ID_TOS`). Default 0. */
  readonly trafficClass?: number;
  /** Default 0xffff. */
  readonly pKey?: number;
  /** UDP source port of our packets, 1 to 65,535. Default 4791. */
  readonly sourcePort?: number;
  /** Path MTU in bytes: 256, 512, 1024, 2048 or 4096. Default 1024. */
  readonly mtu?: 256 | 512 | 1024 | 2048 | 4096;
  /** Retries of the queue pair's transport, 0 to 7. Default 7. */
  readonly retryCount?: number;
}

/** IBTA's codes of the path MTU. */
const MTU_CODES = { 256: 1, 512: 2, 1024: 3, 2048: 4, 4096: 5 } as const;

export interface ConnectingParameters {
  readonly localGid: Gid;
  readonly remoteGid: Gid;
  /** The port that we call our own. */
  readonly localPort: number;
  readonly qpn: number;
  readonly startingPsn: number;
  /** When the caller asked: looking up the peer's name took time as well. */
  readonly startedAt: Instant;
  /** Its deadline is what is left. */
  readonly timing: BoundedTiming;
}

/** A connection on its way: from the REQ to the RTU, or to whatever ends it. */
export class Connecting implements EventHandler {
  readonly #router: EventRouter;
  readonly #id: EndpointId;
  readonly #options: ConnectOptions;
  readonly #parameters: ConnectingParameters;
  readonly #result = new Deferred<Connection>();
  readonly #onAbort = (): void => {
    this.#fail(this.#options.signal?.reason as Error);
  };

  /** Sends the REQ. @throws EndpointError, CepError or EncodeError when the options are wrong; then nothing was sent. */
  constructor(router: EventRouter, options: ConnectOptions, parameters: ConnectingParameters) {
    this.#router = router;
    this.#options = options;
    this.#parameters = parameters;
    this.#id = router.open(this, (cm, id, now) => {
      cm.sendReq(id, this.#request(), now);
      options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    });
    router.wake();
  }

  get result(): Promise<Connection> {
    return this.#result.promise;
  }

  async shutDown(): Promise<void> {
    this.#fail(closedError('the adapter'));
  }

  handleEvent(event: EndpointEvent): void {
    const { mad } = event;
    if (event.type === 'rep_received' && mad?.message === 'REP') this.#establish(mad.fields);
    else if (event.type === 'rej_received' && mad?.message === 'REJ')
      this.#fail(new RejectedError(rejectDetails(this.#peer, mad.fields)));
    else if (event.type === 'req_error') this.#fail(this.#timeout(event.transmissions));
    else if (event.type === 'rep_error')
      this.#fail(new EndpointError('WITHDRAWN', `${this.#peer} has forgotten the connection`, {}));
  }

  get #peer(): string {
    return endText(formatAddress(this.#parameters.remoteGid), this.#options.port);
  }

  #request(): ReqParameters {
    const { localGid, remoteGid, qpn, startingPsn, timing } = this.#parameters;
    const {
      port,
      ackTimeout,
      trafficClass,
      sourcePort,
      pKey,
      mtu,
      retryCount,
      rnrRetryCount,
      responderResources,
      initiatorDepth,
    } = this.#options;
    const wire = wireTiming(timing);
    return {
      path: {
        localGid,
        remoteGid,
        ...(ackTimeout !== undefined && { localAckTimeout: ackTimeout }),
        ...(trafficClass !== undefined && { trafficClass }),
        ...(sourcePort !== undefined && { sourcePort }),
      },
      serviceId: serviceIdOfPort('tcp', port),
      qpn,
      startingPsn,
      remoteCmResponseTimeout: wire.exponent,
      localCmResponseTimeout: wire.exponent,
      maxCmRetries: wire.retries,
      privateData: this.#privateData(),
      timing,
      mtu: MTU_CODES[mtu ?? 1024],
      ...(pKey !== undefined && { pKey }),
      ...(retryCount !== undefined && { retryCount }),
      ...(rnrRetryCount !== undefined && { rnrRetryCount }),
      ...(responderResources !== undefined && { responderResources }),
      ...(initiatorDepth !== undefined && { initiatorDepth }),
    };
  }

  /** rdma_cm's header, then the user's data. */
  #privateData(): Uint8Array {
    const { privateData } = this.#options;
    const { localGid, remoteGid, localPort } = this.#parameters;
    const bytes = new Uint8Array(IP_CM_HEADER_BYTES + (privateData?.length ?? 0));
    encodeIpCmHeader(
      { ipVersion: isIpv4Gid(localGid) ? 4 : 6, sourcePort: localPort, source: localGid, destination: remoteGid },
      bytes,
    );
    if (privateData) bytes.set(privateData, IP_CM_HEADER_BYTES);
    return bytes;
  }

  #establish(rep: Rep): void {
    const { localGid, remoteGid, localPort, qpn, startingPsn } = this.#parameters;
    try {
      this.#router.command((cm, now) => {
        cm.sendRtu(this.#id, {}, now);
        this.#settled();
        this.#result.resolve(
          new Connection(this.#router, this.#id, {
            role: 'active',
            local: { address: formatAddress(localGid), port: localPort, qpn, startingPsn, commId: rep.remoteCommId },
            remote: {
              address: formatAddress(remoteGid),
              port: this.#options.port,
              qpn: rep.localQpn,
              startingPsn: rep.startingPsn,
              commId: rep.localCommId,
            },
            // The peer's resources are our depth, and the reverse.
            responderResources: rep.initiatorDepth,
            initiatorDepth: rep.responderResources,
            privateData: rep.privateData,
          }),
        );
      });
    } catch (error) {
      // No buffers for an RTU: the peer gets a REJ when there are some, or hears nothing.
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#settled();
    this.#router.destroy(this.#id);
    this.#result.reject(error);
  }

  #settled(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #timeout(transmissions: number): EndpointError {
    const took = elapsed(this.#parameters.startedAt, this.#router.now);
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const times = transmissions === 1 ? 'once' : `${transmissions} times`;
    return new EndpointError(
      'TIMEOUT',
      `${this.#peer} did not answer: asked ${times} in ${durationText(took)}. Is it up, and does something serve RoCEv2 (UDP port 4791) there?`,
      { peer: this.#peer, transmissions, timeoutMs, seconds: took / seconds(1) },
    );
  }
}

/** @throws EndpointError when an option is wrong in itself. */
export function checkConnect(options: ConnectOptions): void {
  const { port, ackTimeout, trafficClass, sourcePort, pKey, mtu, retryCount, privateData } = options;
  checkInteger('port', port, 1, 65_535);
  checkQueuePair(options);
  if (ackTimeout !== undefined) checkInteger('ackTimeout', ackTimeout, 1, TIME_EXPONENT_MAX);
  if (trafficClass !== undefined) checkInteger('trafficClass', trafficClass, 0, 0xff);
  if (sourcePort !== undefined) checkInteger('sourcePort', sourcePort, 1, 0xffff);
  if (pKey !== undefined) checkInteger('pKey', pKey, 0, 0xffff);
  if (retryCount !== undefined) checkInteger('retryCount', retryCount, 0, 7);
  if (mtu !== undefined && !(mtu in MTU_CODES)) {
    throw new EndpointError('INVALID_ARGUMENT', `mtu is ${mtu}; it must be 256, 512, 1024, 2048 or 4096`, { mtu });
  }
  const why = `: ${IP_CM_HEADER_BYTES} of the REQ's 92 hold the IP addresses`;
  checkPrivateData(privateData, IP_CM_REQ_PRIVATE_DATA_MAX, 'REQ', why);
}
