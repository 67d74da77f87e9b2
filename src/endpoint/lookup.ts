import { formatAddress } from '../base/index.js';
import {
  IP_CM_HEADER_BYTES,
  IP_CM_SIDR_PRIVATE_DATA_MAX,
  SIDR_STATUSES,
  type SidrRep,
  type SidrStatus,
  serviceIdOfPort,
  sidrStatusName,
} from '../wire/index.js';
import { type AskOptions, checkAsk, pathOf, peerText, type Question, silence, withIpCmHeader } from './asking.js';
import { closedError } from './connection.js';
import { Deferred } from './deferred.js';
import { EndpointError } from './error.js';
import { checkPrivateData, wireTiming } from './options.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

/** Where datagrams for a service go (librdmacm: `RDMA_CM_EVENT_ESTABLISHED` of a datagram ID). */
export interface DatagramService {
  readonly address: string;
  readonly port: number;
  /** The queue pair that serves, and the Q_Key that datagrams to it carry. */
  readonly qpn: number;
  readonly qKey: number;
  /** The peer's private data: the whole field, 136 bytes, since its length is not on the wire. */
  readonly privateData: Uint8Array;
}

export interface LookupRejectDetails {
  /** Who was asked. */
  readonly peer: string;
  /** The status on the wire. */
  readonly status: number;
  /** Its name, undefined if IBTA gives none. */
  readonly statusName: SidrStatus | undefined;
  /** All 136 bytes: the length is not on the wire. */
  readonly privateData: Uint8Array;
  readonly additionalInformation: Uint8Array;
}

const ADVICE: Partial<Record<SidrStatus, string>> = {
  serviceIdUnsupported: 'nothing serves datagrams on that port there',
  rejected: 'the application there refused, or its backlog is full',
  noQp: 'the service has no queue pair',
};

/** The peer does not say where the service is (librdmacm: `RDMA_CM_EVENT_UNREACHABLE`). */
export class LookupRejectedError extends EndpointError<LookupRejectDetails> {
  constructor(details: LookupRejectDetails) {
    const { peer, status, statusName } = details;
    const advice = statusName && ADVICE[statusName];
    const name = statusName ?? 'unknown status';
    super('REJECTED', `${peer} rejected the look-up: ${name} (${status})${advice ? `: ${advice}` : ''}`, details);
  }
}

/** A look-up on its way: from the SIDR_REQ to the SIDR_REP, or to whatever ends it. */
export class Lookup implements EventHandler {
  readonly #router: EventRouter;
  readonly #id: EndpointId;
  readonly #options: AskOptions;
  readonly #question: Question;
  readonly #result = new Deferred<DatagramService>();
  readonly #onAbort = (): void => this.#fail(this.#options.signal?.reason as Error);

  /** Sends the SIDR_REQ. @throws EndpointError, CepError or EncodeError when the options are wrong; then nothing was sent. */
  constructor(router: EventRouter, options: AskOptions, question: Question) {
    const { port, pKey, signal } = options;
    const { timing } = question;
    const wire = wireTiming(timing);
    this.#router = router;
    this.#options = options;
    this.#question = question;
    this.#id = router.open(this, (cm, id, now) => {
      cm.sendSidrReq(
        id,
        {
          path: pathOf(options, question),
          serviceId: serviceIdOfPort('udp', port),
          ...(pKey !== undefined && { pKey }),
          responseTimeout: wire.exponent,
          retries: timing.retries,
          privateData: withIpCmHeader(options, question),
          timing,
        },
        now,
      );
      signal?.addEventListener('abort', this.#onAbort, { once: true });
      options.onAttempt?.(id.cid);
    });
    router.wake();
  }

  get result(): Promise<DatagramService> {
    return this.#result.promise;
  }

  async shutDown(): Promise<void> {
    this.#fail(closedError('the adapter'));
  }

  handleEvent({ type, mad, transmissions }: EndpointEvent): void {
    if (type === 'sidr_rep_received' && mad?.message === 'SIDR_REP') this.#answered(mad.fields);
    else if (type === 'sidr_req_error') {
      this.#fail(silence(this.#options, this.#question, transmissions, this.#router.now));
    }
  }

  #answered(rep: SidrRep): void {
    const { status, qpn, qKey, privateData } = rep;
    if (status !== SIDR_STATUSES.valid) {
      const additionalInformation = rep.additionalInformation.subarray(0, rep.additionalInformationLength);
      const statusName = sidrStatusName(status);
      this.#fail(
        new LookupRejectedError({
          peer: peerText(this.#options, this.#question),
          status,
          statusName,
          privateData,
          additionalInformation,
        }),
      );
      return;
    }
    this.#end();
    const address = formatAddress(this.#question.remoteGid);
    this.#result.resolve({ address, port: this.#options.port, qpn, qKey, privateData });
  }

  #fail(error: Error): void {
    this.#end();
    this.#result.reject(error);
  }

  #end(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#router.destroy(this.#id);
  }
}

/** @throws EndpointError when an option is wrong in itself. */
export function checkLookup(options: AskOptions): void {
  checkAsk(options);
  const why = `: ${IP_CM_HEADER_BYTES} of the SIDR_REQ's 216 hold the IP addresses`;
  checkPrivateData(options.privateData, IP_CM_SIDR_PRIVATE_DATA_MAX, 'SIDR_REQ', why);
}
