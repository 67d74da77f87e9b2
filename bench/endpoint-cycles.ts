import type { EndpointHost, Route } from 'ibcm';
import { type CaGuid, type Duration, type Gid, type Instant, parseGid, SeededRandom } from 'ibcm/base';
import { ChannelAdapter } from 'ibcm/ca';
import { Adapter } from 'ibcm/endpoint';
import { PACKET_BYTES_MAX, TransportLayer } from 'ibcm/transport';
import { MANAGERS_CYCLE } from './cycle.js';

/**
 * Run by endpoints.ts as a process of its own, since endpoints are promises: connections of two endpoints in one process, which are accepted and disconnected, beside
 * as many between two CEP managers. Prints how many times the processor time of the latter the former take, the median of the rounds, as JSON.
 */

const ROUNDS = 9;
const CYCLES = 1_000;
const WARM_UP_ROUNDS = 2;
const PORT = 1;

/** A driver without a network or a clock: what one sends, the other has got. */
class Host implements EndpointHost {
  readonly adapter: ChannelAdapter;
  readonly endpoint: Adapter;
  readonly gid: Gid;
  peer: Host | undefined;
  readonly #consumers: (() => void)[] = [];
  readonly #packet = new Uint8Array(PACKET_BYTES_MAX);
  readonly #clock: { now: number };
  #inTurn = false;
  #again = false;

  constructor(address: string, clock: { now: number }) {
    const random = new SeededRandom(clock.now);
    this.#clock = clock;
    this.gid = parseGid(address);
    const transport = new TransportLayer({ random });
    this.adapter = new ChannelAdapter({
      caGuid: BigInt(random.uint32()) as CaGuid,
      random,
      ports: [{ gid: this.gid }],
      transport,
    });
    this.endpoint = new Adapter(this, { random });
  }

  now(): Instant {
    return this.#clock.now as Instant;
  }

  onTurn(consumer: () => void): void {
    this.#consumers.push(consumer);
  }

  wake(): void {
    this.#again = true;
    if (this.#inTurn) return;
    this.#inTurn = true;
    while (this.#again) {
      for (const consumer of this.#consumers) consumer();
      this.#again = false;
      this.#flush();
    }
    this.#inTurn = false;
  }

  /** What has become due while connections rested. */
  elapse(): void {
    this.adapter.handleTimeout(this.now());
    this.wake();
  }

  async resolve(host: string): Promise<Route> {
    return { port: 1, remoteGid: parseGid(host) };
  }

  schedule(_delay: Duration, _call: () => void): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {}

  #flush(): void {
    for (
      let sent = this.adapter.pollTransmit(this.#packet, 0);
      sent;
      sent = this.adapter.pollTransmit(this.#packet, 0)
    ) {
      const source = { port: 1, remoteGid: this.gid, sourcePort: sent.sourcePort, identification: 0 };
      this.peer?.adapter.handleDatagram(this.#packet, 0, sent.length, source, this.now());
      this.peer?.wake();
    }
  }
}

const clock = { now: 1_000 };
const client = new Host('10.0.0.1', clock);
const server = new Host('10.0.0.2', clock);
client.peer = server;
server.peer = client;
const listener = await server.endpoint.listen({ port: PORT });
const requests = listener[Symbol.asyncIterator]();

async function cycles(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const connecting = client.endpoint.connect({ host: '10.0.0.2', port: PORT });
    const { value: request } = await requests.next();
    if (request === undefined) throw new Error('nobody asked');
    const [connection] = await Promise.all([connecting, request.accept()]);
    await connection.disconnect();
    // Timewait passes.
    clock.now += 60_000_000;
    client.elapse();
    server.elapse();
  }
}

/** In microseconds. */
async function used(run: () => Promise<void> | void): Promise<number> {
  const begin = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}

const medianOf = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[ROUNDS >> 1] as number;
const values: number[] = [];
const references: number[] = [];
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
  const own = await used(() => cycles(CYCLES));
  const reference = await used(() => MANAGERS_CYCLE.run(CYCLES));
  if (round < WARM_UP_ROUNDS) continue;
  values.push(own / CYCLES);
  references.push(reference / CYCLES);
}
console.log(JSON.stringify({ value: medianOf(values), referenceValue: medianOf(references) }));
