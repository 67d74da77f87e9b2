import { type Cid, formatAddress, IbcmError, TIME_EXPONENT_MAX } from '../base/index.js';
import type { ConnectParameters } from '../qp/index.js';
import { IP_CM_HEADER_BYTES, IP_CM_REQ_PRIVATE_DATA_MAX, type Rep, serviceIdOfPort } from '../wire/index.js';
import { type AskOptions, checkAsk, pathOf, peerText, type Question, silence, withIpCmHeader } from './asking.js';
import { checkInteger } from './check-integer.js';
import { Connection, closedError, rejectDetails } from './connection.js';
import { Deferred } from './deferred.js';
import { EndpointError, RejectedError } from './error.js';
import { checkPrivateData, checkQueuePair, defaultDepth, type QueuePairOptions, wireTiming } from './options.js';
import type { EndpointEvent, EndpointQueuePair, EventHandler, EventRouter } from './router.js';

/** What users of rdma_cm set. */
export interface ConnectOptions extends AskOptions, QueuePairOptions {
  /** Exponent of the queue pair's ACK timeout, 1 to 31 (`RDMA_OPTION_ID_ACK_TIMEOUT`). Default from the path. */
  readonly ackTimeout?: number;
  /** Path MTU in bytes: 256, 512, 1024, 2048 or 4096. Default 1024. */
  readonly mtu?: PathMtu;
  /** Retries of the queue pair's transport, 0 to 7. Default 7. */
  readonly retryCount?: number;
}

/** Path MTUs in bytes. IBTA's code of each is its place, from 1. */
export const PATH_MTUS = [256, 512, 1024, 2048, 4096] as const;
export type PathMtu = (typeof PATH_MTUS)[number];
const DEFAULT_MTU = 1024;

export interface ConnectingParameters extends Question {
  readonly startingPsn: number;
}

/** A connection on its way: from the REQ to the RTU, or to whatever ends it. */
export class Connecting implements EventHandler {
  readonly #router: EventRouter;
  readonly #queuePair: EndpointQueuePair;
  readonly #options: ConnectOptions;
  readonly #parameters: ConnectingParameters;
  readonly #result = new Deferred<Connection>();
  readonly #onAbort = (): void => {
    this.#fail(this.#options.signal?.reason as Error);
  };

  /** Sends the REQ, with a queue pair in INIT. @throws EndpointError, CepError, VerbsError or EncodeError when the options are wrong; then nothing was sent. */
  constructor(router: EventRouter, options: ConnectOptions, parameters: ConnectingParameters) {
    this.#router = router;
    this.#options = options;
    this.#parameters = parameters;
    this.#queuePair = router.openQueuePair(options, this, (queuePair, now) => {
      queuePair.connect(this.#request(), now);
      const { cid } = queuePair;
      if (cid !== undefined) options.onAttempt?.(cid);
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
    const { mad, cid } = event;
    if (event.type === 'rep_received' && mad?.message === 'REP') this.#establish(mad.fields, cid);
    else if (event.type === 'rej_received' && mad?.message === 'REJ')
      this.#fail(new RejectedError(rejectDetails(this.#peer, mad.fields)));
    else if (event.type === 'req_error') {
      this.#fail(silence(this.#options, this.#parameters, event.transmissions, this.#router.now));
    } else if (event.type === 'rep_error')
      this.#fail(new EndpointError('WITHDRAWN', `${this.#peer} has forgotten the connection`, {}));
  }

  get #peer(): string {
    return peerText(this.#options, this.#parameters);
  }

  #request(): ConnectParameters {
    const { startingPsn, timing } = this.#parameters;
    const { port, ackTimeout, pKey, mtu, retryCount, rnrRetryCount, responderResources, initiatorDepth } =
      this.#options;
    const wire = wireTiming(timing);
    return {
      path: {
        ...pathOf(this.#options, this.#parameters),
        ...(ackTimeout !== undefined && { localAckTimeout: ackTimeout }),
      },
      serviceId: serviceIdOfPort('tcp', port),
      startingPsn,
      remoteCmResponseTimeout: wire.exponent,
      localCmResponseTimeout: wire.exponent,
      maxCmRetries: wire.retries,
      privateData: withIpCmHeader(this.#options, this.#parameters),
      timing,
      mtu: 1 + PATH_MTUS.indexOf(mtu ?? DEFAULT_MTU),
      ...(pKey !== undefined && { pKey }),
      ...(retryCount !== undefined && { retryCount }),
      ...(rnrRetryCount !== undefined && { rnrRetryCount }),
      responderResources: responderResources ?? defaultDepth(this.#options),
      initiatorDepth: initiatorDepth ?? defaultDepth(this.#options),
    };
  }

  /** The queue pair goes to RTS, and the peer hears of it. */
  #establish(rep: Rep, cid: Cid): void {
    const { localGid, remoteGid, localPort, startingPsn } = this.#parameters;
    const queuePair = this.#queuePair;
    // The peer may have taken it back since, and the next event says so.
    if (queuePair.connectionState !== 'REP_RCVD') return;
    const { qpn } = queuePair;
    try {
      this.#router.command((_, now) => {
        queuePair.sendRtu({}, now);
        this.#settled();
        this.#result.resolve(
          new Connection(this.#router, queuePair, {
            role: 'active',
            cid,
            isForeign: this.#options.qpn !== undefined,
            local: { address: formatAddress(localGid), port: localPort, qpn, startingPsn, commId: rep.remoteCommId },
            remote: {
              address: formatAddress(remoteGid),
              port: this.#options.port,
              qpn: rep.localQpn,
              startingPsn: rep.startingPsn,
              commId: rep.localCommId,
            },
            privateData: rep.privateData,
          }),
        );
      });
    } catch (error) {
      if (!(error instanceof IbcmError)) throw error;
      // The REP asks of the queue pair what it cannot do; or there are no buffers for an RTU: the peer gets a REJ when there are some.
      this.#router.command((_, now) => queuePair.giveUp(error, now));
      this.#fail(error);
    }
  }

  #fail(error: Error): void {
    this.#settled();
    this.#router.destroy(this.#queuePair);
    this.#result.reject(error);
  }

  #settled(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** @throws EndpointError when an option is wrong in itself. */
export function checkConnect(options: ConnectOptions): void {
  const { ackTimeout, mtu, retryCount, privateData } = options;
  checkAsk(options);
  checkQueuePair(options);
  if (ackTimeout !== undefined) checkInteger('ackTimeout', ackTimeout, 1, TIME_EXPONENT_MAX);
  if (retryCount !== undefined) checkInteger('retryCount', retryCount, 0, 7);
  if (mtu !== undefined && !PATH_MTUS.includes(mtu)) {
    throw new EndpointError('INVALID_ARGUMENT', `mtu is ${mtu}; it must be 256, 512, 1024, 2048 or 4096`, { mtu });
  }
  const why = `: ${IP_CM_HEADER_BYTES} of the REQ's 92 hold the IP addresses`;
  checkPrivateData(privateData, IP_CM_REQ_PRIVATE_DATA_MAX, 'REQ', why);
}
