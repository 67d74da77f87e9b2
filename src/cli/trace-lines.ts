import type { TracedPacket } from '../service/index.js';
import { BTH_BYTES, type CmMad, DETH_BYTES, decodeMad, MAD_BYTES } from '../wire/index.js';
import { hex64, jsonOf } from './decode/json.js';
import { summarize } from './decode/summary.js';
import { clock } from './event-text.js';
import type { Style } from './style.js';

const MAD_AT = BTH_BYTES + DETH_BYTES;
const MESSAGE_WIDTH = 'SIDR_REQ'.length;
const US = 1_000_000;

/** Traced messages as lines, for people or as JSON. */
export class TraceLines {
  readonly #json: boolean;
  readonly #style: Style;

  constructor(json: boolean, style: Style) {
    this.#json = json;
    this.#style = style;
  }

  /** From now on everything is seen. */
  begun(socket: string): string {
    return this.#json
      ? JSON.stringify({ event: 'tracing', socket })
      : this.#style.dim(`tracing the service on ${socket}`);
  }

  lost(count: number): string {
    return this.#json ? JSON.stringify({ event: 'lost', count }) : this.#style.red(`${count} messages lost: too slow`);
  }

  message(traced: TracedPacket): string {
    const { sent, localAddress, remoteAddress, timeUs } = traced;
    const packet = Uint8Array.from(traced.packet);
    const mad = decodeMad(packet, MAD_AT, MAD_BYTES);
    if (mad instanceof Error) return this.#undecodable(traced, mad);
    if (this.#json) return this.#jsonLine(traced, mad);
    const { bold, dim } = this.#style;
    const way = sent ? `${localAddress} → ${remoteAddress}` : `${localAddress} ← ${remoteAddress}`;
    return [dim(clock(timeUs / US)), way, bold(mad.message.padEnd(MESSAGE_WIDTH)), ...summarize(mad)].join('  ');
  }

  #jsonLine(
    { sent, localAddress, remoteAddress, sourcePort, timeUs }: TracedPacket,
    { message, header, fields }: CmMad,
  ): string {
    const line = JSON.stringify({
      event: 'message',
      time: timeUs / US,
      direction: sent ? 'sent' : 'received',
      localAddress,
      remoteAddress,
      sourcePort,
      message,
      transactionId: hex64(header.transactionId),
    });
    return `${line.slice(0, -1)},"fields":${jsonOf(fields)}}`;
  }

  #undecodable({ remoteAddress, timeUs }: TracedPacket, { message }: Error): string {
    return this.#json
      ? JSON.stringify({ event: 'undecodable', time: timeUs / US, remoteAddress, message })
      : `${this.#style.dim(clock(timeUs / US))}  ${remoteAddress}  ${this.#style.red(message)}`;
  }
}
