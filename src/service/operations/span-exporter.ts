import type { Span } from './establishment-spans.js';

/** Spans that wait to be sent. Beyond it they are counted, and lost. */
const WAITING_MAX = 2_048;
const BATCH_SPANS = 512;
const INTERVAL_MS = 5_000;
const SEND_TIMEOUT_MS = 10_000;
const KINDS = { server: 2, client: 3 } as const;
const STATUS_OK = 1;
const STATUS_ERROR = 2;

export interface SpanExporterOptions {
  /** Where a collector takes OTLP over HTTP, as `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string;
  readonly version: string;
  /** Told when the collector cannot be reached, and when it can again. */
  readonly onProblem: (problem: string | undefined) => void;
  /** Called now and then. */
  readonly onInterval?: () => void;
}

/**
 * Sends spans to an OpenTelemetry collector, as JSON (OTLP/HTTP). Without OpenTelemetry's libraries: a daemon has nobody who would register them, and
 * the format is less than what it would take to do so.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #timer: NodeJS.Timeout;
  #waiting: Span[] = [];
  #lost = 0;
  #sending: Promise<void> | undefined;
  #hasFailed = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      options.onInterval?.();
      void this.flush();
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  /** Spans that found no room. */
  get lost(): number {
    return this.#lost;
  }

  add(span: Span): void {
    if (this.#waiting.length >= WAITING_MAX) this.#lost += 1;
    else this.#waiting.push(span);
    if (this.#waiting.length === BATCH_SPANS) void this.flush();
  }

  /** Sends what waits. Never rejects. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
    if (this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, BATCH_SPANS);
    this.#sending = this.#send(batch).finally(() => {
      this.#sending = undefined;
    });
    await this.#sending;
  }

  /** Sends what waits, and no more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#waiting.length > 0) await this.flush();
    await this.#sending;
  }

  async #send(batch: readonly Span[]): Promise<void> {
    const { url, version, onProblem } = this.#options;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(exported(batch, version)),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the collector answered ${response.status}`);
      if (this.#hasFailed) onProblem(undefined);
      this.#hasFailed = false;
    } catch (error) {
      this.#lost += batch.length;
      // Once, and not for every batch.
      if (!this.#hasFailed) onProblem(`spans cannot be sent to ${url}: ${reasonOf(error)}`);
      this.#hasFailed = true;
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

type Value = { readonly stringValue: string } | { readonly intValue: string };

/** An ExportTraceServiceRequest, as protobuf's JSON has it. */
function exported(spans: readonly Span[], version: string): object {
  const scope = { name: 'ibcm', version };
  const resource = { attributes: attributesOf({ 'service.name': 'ibcm', 'service.version': version }) };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: spans.map(exportedSpan) }] }] };
}

function exportedSpan(span: Span): object {
  const { traceId, spanId, parentSpanId, name, kind, startUs, endUs, attributes, events, outcome, message } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(startUs),
    endTimeUnixNano: nanoseconds(endUs),
    attributes: attributesOf({ ...attributes, 'ibcm.outcome': outcome }),
    events: events.map((event) => ({ timeUnixNano: nanoseconds(event.timeUs), name: event.name })),
    status: outcome === 'established' ? { code: STATUS_OK } : { code: STATUS_ERROR, message: message ?? outcome },
  };
}

const nanoseconds = (us: number): string => String(BigInt(Math.round(us)) * 1_000n);

function attributesOf(attributes: Readonly<Record<string, string | number>>): { key: string; value: Value }[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}
