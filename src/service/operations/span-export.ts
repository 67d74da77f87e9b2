import { calendarNow } from '../../io/index.js';
import { EstablishmentSpans } from './establishment-spans.js';
import type { Logger } from './log.js';
import type { MessageTrace } from './message-trace.js';
import { SpanExporter } from './span-exporter.js';

/** A span of each establishment to a collector, while there is one. */
export class SpanExport {
  readonly #trace: MessageTrace;
  readonly #version: string;
  readonly #log: Logger;
  #spans: EstablishmentSpans | undefined;
  #exporter: SpanExporter | undefined;

  constructor(trace: MessageTrace, version: string, log: Logger) {
    this.#trace = trace;
    this.#version = version;
    this.#log = log;
  }

  /** @param url of the collector; undefined: to none. What has begun under way to another is not told. */
  sendTo(url: string | undefined): void {
    void this.close();
    if (url === undefined) return;
    const exporter = new SpanExporter({
      url,
      version: this.#version,
      onProblem: (problem) => {
        if (problem === undefined) this.#log.info({ url }, 'spans are sent again');
        else this.#log.warn({ url }, problem);
      },
      onInterval: () => spans.sweep(calendarNow() * 1_000),
    });
    const spans = new EstablishmentSpans(this.#trace, (span) => exporter.add(span));
    this.#spans = spans;
    this.#exporter = exporter;
  }

  /** Sends what waits. */
  async close(): Promise<void> {
    this.#spans?.close();
    this.#spans = undefined;
    const exporter = this.#exporter;
    this.#exporter = undefined;
    await exporter?.close();
  }
}
