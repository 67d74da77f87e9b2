import { type Duration, type Instant, inMilliseconds } from '../base/index.js';
import { type ChannelAdapter, CM_PACKET_BYTES } from '../ca/index.js';
import type { EndpointHost, Route, RouteWishes } from '../endpoint/index.js';
import { PACKET_BYTES_MAX } from '../transport/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { monotonicNow } from './clock.js';
import type { RocePort, SentDatagram } from './port.js';
import { resolveRoute } from './resolve.js';

/** setTimeout takes at most 2³¹ − 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Datagrams for which memory is made at once: as long as the system holds one of them, it holds all. */
const ROOM_PACKETS = 16;

/** Runs an adapter over real ports and in real time. */
export class PortDriver implements EndpointHost {
  readonly adapter: ChannelAdapter;
  readonly #ports: readonly RocePort[];
  readonly #consumers: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** Where datagrams are written, one behind the other, and how far. */
  #room = new Uint8Array(0);
  #used = 0;
  readonly #packetBytes: number;
  #inTurn = false;
  /** Something came in since the consumers polled last. */
  #again = false;
  #closed = false;

  /** @param ports one for each of the adapter's, in their order. */
  constructor(adapter: ChannelAdapter, ...ports: readonly RocePort[]) {
    this.adapter = adapter;
    this.#ports = ports;
    this.#packetBytes = adapter.transport === undefined ? CM_PACKET_BYTES : PACKET_BYTES_MAX;
    for (const [index, each] of ports.entries()) {
      const port = index + 1;
      each.onDatagram = ({ bytes, remoteGid, sourcePort }) => {
        if (this.#closed) return;
        adapter.handleDatagram(bytes, 0, bytes.length, { port, remoteGid, sourcePort }, this.now());
        this.wake();
      };
    }
  }

  now(): Instant {
    return monotonicNow();
  }

  onTurn(consumer: () => void): void {
    this.#consumers.push(consumer);
  }

  /**
   * Lets consumers poll, sends what is to be sent, sets the timer. Calls from within a consumer's turn are part of that turn. What a
   * consumer or a port throws keeps neither the others nor the timer from their turn: it is reported as an uncaught exception.
   */
  wake(): void {
    this.#again = true;
    if (this.#inTurn || this.#closed) return;
    this.#inTurn = true;
    // A port that answers at once, such as a loopback, comes back here while it is being sent to.
    while (this.#again) {
      for (const consumer of this.#consumers) shielded(consumer);
      this.#again = false;
      this.#flush();
      if (this.adapter.transport?.hasEvents === true) this.#again = true;
    }
    this.#inTurn = false;
    this.#arm();
  }

  async resolve(host: string, { port, sourcePort }: RouteWishes): Promise<Route> {
    const route = await resolveRoute(host, this.adapter.gids, port);
    if (sourcePort !== undefined && sourcePort !== ROCE_UDP_PORT) {
      await this.#ports[route.port - 1]?.prepare?.(sourcePort);
    }
    return route;
  }

  schedule(delay: Duration, call: () => void): () => void {
    const timer = setTimeout(call, Math.min(Math.ceil(inMilliseconds(delay)), TIMER_MS_MAX));
    return () => clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.wake();
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#ports.map((port) => port.close()));
  }

  #flush(): void {
    for (;;) {
      // Each datagram has its own place: the system may still hold it when the next is written.
      if (this.#room.length - this.#used < this.#packetBytes) {
        this.#room = new Uint8Array(ROOM_PACKETS * this.#packetBytes);
        this.#used = 0;
      }
      const start = this.#used;
      const datagram = this.adapter.pollTransmit(this.#room, start);
      if (datagram === undefined) return;
      const end = start + datagram.length;
      // Where packets begin at words, they are read and copied faster.
      this.#used = (end + 7) & ~7;
      const { path, sourcePort } = datagram;
      const sent: SentDatagram = { bytes: this.#room.subarray(start, end), path, sourcePort };
      shielded(() => this.#ports[path.port - 1]?.send(sent));
    }
  }

  #arm(): void {
    const at = this.adapter.nextTimeout();
    if (at === this.#timerAt) return;
    this.#timerAt = at;
    clearTimeout(this.#timer);
    if (at === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.ceil((at - this.now()) / 1_000);
    this.#timer = setTimeout(() => this.#timeout(), Math.min(Math.max(delayMs, 0), TIMER_MS_MAX));
  }

  #timeout(): void {
    this.#timerAt = Number.NaN;
    this.adapter.handleTimeout(this.now());
    this.wake();
  }
}

function shielded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
