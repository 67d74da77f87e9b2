import { createHash } from 'node:crypto';
import { type CmMad, DREQ, decodeMad, MAD_BYTES, REJ, rejectReasonName } from '../../wire/index.js';
import { MAD_AT, type MessageTrace, type TracedMessage } from './message-trace.js';

/** How a connection was established, or not: what OpenTelemetry calls a span. */
export interface Span {
  /** 32 hexadecimal digits. The same at both ends, since both make it of the REQ. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Of the side that asked, at the side that was asked. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: 'client' | 'server';
  /** In microseconds since 1970. */
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Every message, retries included. */
  readonly events: readonly { readonly name: string; readonly timeUs: number }[];
  readonly outcome: 'established' | 'rejected' | 'unfinished';
  /** Why it was rejected. */
  readonly message?: string;
}

type OpenSpan = { -readonly [Name in keyof Span]: Span[Name] } & {
  readonly attributes: Record<string, string | number>;
  readonly events: { name: string; timeUs: number }[];
};

/** Establishments that are followed at once. Beyond it new ones are not. */
const OPEN_SPANS_MAX = 4_096;
/** After this an establishment of which nothing more was heard is told as unfinished, in microseconds: as long as Linux asks at most. */
const UNFINISHED_AFTER_US = 120_000_000;
/** Messages of one establishment that are noted. */
const EVENTS_MAX = 64;

/** Makes a span of each establishment, out of the messages that pass: it sees all clients, and costs nothing when it is not there. */
export class EstablishmentSpans {
  readonly #open = new Map<string, OpenSpan>();
  readonly #onSpan: (span: Span) => void;
  readonly #unwatch: () => void;

  constructor(trace: MessageTrace, onSpan: (span: Span) => void) {
    this.#onSpan = onSpan;
    this.#unwatch = trace.watch((message) => this.#see(message));
  }

  /** Establishments that have begun and not ended. */
  get open(): number {
    return this.#open.size;
  }

  /** Tells those of which nothing more will be heard. @param nowUs in microseconds since 1970. */
  sweep(nowUs: number): void {
    for (const [key, span] of this.#open) {
      if (nowUs - span.startUs < UNFINISHED_AFTER_US) continue;
      this.#end(key, span, nowUs, 'unfinished');
    }
  }

  close(): void {
    this.#unwatch();
    this.#open.clear();
  }

  #see(traced: TracedMessage): void {
    const mad = decodeMad(traced.packet, MAD_AT, MAD_BYTES);
    // Of a packet from elsewhere, which nobody has checked yet.
    if (mad instanceof Error) return;
    const key = mad.message === 'REQ' ? this.#begin(traced, mad) : this.#keyOf(traced);
    const span = key === undefined ? undefined : this.#open.get(key);
    if (key === undefined || span === undefined) return;
    const { sent, message, timeUs } = traced;
    if (span.events.length < EVENTS_MAX) span.events.push({ name: `${sent ? 'sent' : 'received'} ${message}`, timeUs });
    this.#advance(key, span, timeUs, mad);
  }

  #advance(key: string, span: OpenSpan, timeUs: number, mad: CmMad): void {
    switch (mad.message) {
      case 'REP':
        span.attributes[span.kind === 'client' ? 'ibcm.remote.qpn' : 'ibcm.local.qpn'] = mad.fields.localQpn;
        return;
      case 'RTU':
      // The peer's RTU was lost, and its connection has ended since.
      case 'DREQ':
        this.#end(key, span, timeUs, 'established');
        return;
      case 'REJ': {
        const { reason } = mad.fields;
        span.message = rejectReasonName(reason) ?? `reason ${reason}`;
        this.#end(key, span, timeUs, 'rejected');
        return;
      }
      default:
        return;
    }
  }

  /** @returns the key of the span that a REQ begins, or had begun. */
  #begin(traced: TracedMessage, { header, fields }: Extract<CmMad, { message: 'REQ' }>): string | undefined {
    const { sent, localAddress, remoteAddress, timeUs } = traced;
    const key = sent ? activeKey(fields.localCommId) : passiveKey(remoteAddress, fields.localCommId);
    if (this.#open.has(key)) return key;
    if (this.#open.size >= OPEN_SPANS_MAX) return undefined;
    const identity = [header.transactionId, fields.localCaGuid, fields.localCommId].map((part) => part.toString(16));
    const traceId = digest(identity.join(), 32);
    const spanIds = { client: digest(`${traceId} client`, 16), server: digest(`${traceId} server`, 16) };
    const kind = sent ? 'client' : 'server';
    this.#open.set(key, {
      traceId,
      spanId: spanIds[kind],
      ...(kind === 'server' && { parentSpanId: spanIds.client }),
      name: kind === 'client' ? 'connect' : 'accept',
      kind,
      startUs: timeUs,
      endUs: timeUs,
      attributes: {
        'network.local.address': localAddress,
        'network.peer.address': remoteAddress,
        'ibcm.service_id': `0x${fields.serviceId.toString(16).padStart(16, '0')}`,
        [kind === 'client' ? 'ibcm.local.qpn' : 'ibcm.remote.qpn']: fields.localQpn,
      },
      events: [],
      outcome: 'unfinished',
    });
    return key;
  }

  /** The key of the span that a message belongs to: ours by our comm ID, the peer's by its address and comm ID. */
  #keyOf({ sent, remoteAddress, packet }: TracedMessage): string | undefined {
    const local = DREQ.fields.localCommId.get(packet, MAD_AT);
    const remote = REJ.fields.remoteCommId.get(packet, MAD_AT);
    const [ours, theirs] = sent ? [local, remote] : [remote, local];
    return [activeKey(ours), passiveKey(remoteAddress, theirs)].find((key) => this.#open.has(key));
  }

  #end(key: string, span: OpenSpan, timeUs: number, outcome: Span['outcome']): void {
    this.#open.delete(key);
    this.#onSpan({ ...span, endUs: timeUs, outcome });
  }
}

const activeKey = (commId: number): string => String(commId);
const passiveKey = (peer: string, commId: number): string => `${peer} ${commId}`;
const digest = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits);
