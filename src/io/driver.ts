import { type Duration, type Instant, inMilliseconds } from '../base/index.js';
import { type ChannelAdapter, CM_PACKET_BYTES, type DatagramSource } from '../ca/index.js';
import type { PathAddress } from '../cep/index.js';
import type { EndpointHost, Route, RouteWishes } from '../endpoint/index.js';
import { PACKET_BYTES_MAX } from '../transport/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { callAfter, TIMER_MS_MAX } from './call-after.js';
import { monotonicNow } from './clock.js';
import type { RocePort, SentDatagram } from './port.js';
import { resolveRoute } from './resolve.js';

/** Where datagrams are written until the ports have sent them. */
const ROOM_BYTES = 2 ** 18;

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
const NO_GID = new Uint8Array(0);
const NO_PATH: PathAddress = { port: 0, localGid: NO_GID, remoteGid: NO_GID, trafficClass: 0, sourcePort: 0 };

/** Runs an adapter over real ports and in real time. */
export class PortDriver implements EndpointHost {
  readonly adapter: ChannelAdapter;
  readonly #ports: readonly RocePort[];
  readonly #consumers: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  readonly #room = new Uint8Array(ROOM_BYTES);
  readonly #packetBytes: number;
  /** What is sent: one object for all. */
  readonly #sent: Mutable<SentDatagram>;
  #inTurn = false;
  #flushing = false;
  /** Something came in since the consumers polled last. */
  #again = false;
  /** A turn will come without anybody's doing. */
  #turnIsDue = false;
  #closed = false;

  /** @param ports one for each of the adapter's, in their order. */
  constructor(adapter: ChannelAdapter, ...ports: readonly RocePort[]) {
    this.adapter = adapter;
    this.#ports = ports;
    this.#packetBytes = adapter.transport === undefined ? CM_PACKET_BYTES : PACKET_BYTES_MAX;
    this.#sent = { bytes: this.#room, at: 0, length: 0, path: NO_PATH, sourcePort: 0 };
    for (const [index, each] of ports.entries()) {
      const source: Mutable<DatagramSource> = { port: index + 1, remoteGid: NO_GID, sourcePort: 0 };
      each.onDatagram = ({ bytes, at, length, remoteGid, sourcePort }) => {
        if (this.#closed) return;
        source.remoteGid = remoteGid;
        source.sourcePort = sourcePort;
        adapter.handleDatagram(bytes, at, length, source, this.now());
        this.#inputCame();
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
      this.#again = false;
      this.#letConsumersPoll();
      this.#flush();
      if (this.adapter.transport?.hasEvents === true) this.#again = true;
    }
    this.#inTurn = false;
    this.#arm();
  }

  flush(): void {
    if (!this.#flushing && !this.#closed) this.#flush();
  }

  async resolve(host: string, { port, sourcePort }: RouteWishes): Promise<Route> {
    const route = await resolveRoute(host, this.adapter.gids, port);
    if (sourcePort !== undefined && sourcePort !== ROCE_UDP_PORT) {
      await this.#ports[route.port - 1]?.prepare?.(sourcePort);
    }
    return route;
  }

  schedule(delay: Duration, call: () => void): () => void {
    return callAfter(Math.ceil(inMilliseconds(delay)), call);
  }

  async close(): Promise<void> {
    this.wake();
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#ports.map((port) => port.close()));
  }

  /** One turn follows for all datagrams that are there, of all ports: the platform reads what has come before it calls immediates. */
  #inputCame(): void {
    this.#again = true;
    if (this.#inTurn || this.#turnIsDue) return;
    this.#turnIsDue = true;
    setImmediate(this.#handleInput);
  }

  /**
   * What consumers settle now makes others go on, who may want to send at once. So the turn is ended when they have had their say: an
   * acknowledgement and an answer go out together. A microtask comes after those that are queued, a tick after all that follow from them.
   */
  readonly #handleInput = (): void => {
    if (this.#closed) return;
    this.#inTurn = true;
    this.#letConsumersPoll();
    this.#inTurn = false;
    queueMicrotask(this.#endTurnSoon);
  };

  readonly #endTurnSoon = (): void => process.nextTick(this.#endTurn);

  readonly #endTurn = (): void => {
    this.#turnIsDue = false;
    // Whoever had something to say may have ended it.
    if (this.#again) this.wake();
  };

  #letConsumersPoll(): void {
    for (const consumer of this.#consumers) {
      try {
        consumer();
      } catch (error) {
        report(error);
      }
    }
  }

  #flush(): void {
    this.#flushing = true;
    const sent = this.#sent;
    const room = this.#room;
    for (let at = 0; ; ) {
      if (room.length - at < this.#packetBytes) {
        this.#flushPorts();
        at = 0;
      }
      const datagram = this.adapter.pollTransmit(room, at);
      if (datagram === undefined) break;
      sent.at = at;
      sent.length = datagram.length;
      sent.path = datagram.path;
      sent.sourcePort = datagram.sourcePort;
      // Where packets begin at words, they are read and copied faster.
      at = (at + datagram.length + 7) & ~7;
      try {
        this.#ports[sent.path.port - 1]?.send(sent);
      } catch (error) {
        report(error);
      }
    }
    this.#flushPorts();
    this.#flushing = false;
  }

  #flushPorts(): void {
    for (const port of this.#ports) {
      try {
        port.flush();
      } catch (error) {
        report(error);
      }
    }
  }

  #arm(): void {
    const at = this.adapter.nextTimeout();
    if (at === this.#timerAt) return;
    this.#timerAt = at;
    clearTimeout(this.#timer);
    if (at === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.ceil((at - this.now()) / 1_000);
    // One that comes too early finds nothing due, and is set again.
    this.#timer = setTimeout(() => this.#timeout(), Math.min(Math.max(delayMs, 0), TIMER_MS_MAX));
  }

  #timeout(): void {
    this.#timerAt = Number.NaN;
    this.adapter.handleTimeout(this.now());
    this.wake();
  }
}

function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
