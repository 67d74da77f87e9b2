import { type Connection, openAdapter } from 'ibcm';
import { parseGid } from 'ibcm/base';
import { type SentDatagram, UdpPort } from 'ibcm/io';

/**
 * Run by data-loopback.ts as a process of its own: what it costs to move data between two adapters of a process, over real sockets, beside what it costs to
 * send datagrams of the same length through the same ports and look at none. Rounds of both take turns. Prints medians as JSON.
 */

export interface LoopbackRates {
  /** Microseconds for each message or datagram of a length, or each round. */
  readonly [what: string]: number;
}

const ROUNDS = 9;
/** Rounds before that do not count: the compiler is at work. */
const WARM_UPS = 4;
const MESSAGES = 3_000;
const LATENCY_MESSAGES = 1_000;
/** How many are under way at once. */
const DEPTH = 64;
const MTUS = [1_024, 4_096] as const;
/** Whether the system cuts one message into datagrams, and puts them together again. */
const SEGMENTATIONS = { '': true, ', without segmentation': false } as const;
/** BTH, RETH and ICRC. */
const HEADER_BYTES = 12 + 16 + 4;
const SMALL_BYTES = 64;

/** Bytes none of which is special: a CRC goes over zeros faster. */
function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

/** Two ports that send each other bytes. What is sent while datagrams are taken in goes out together. */
class Raw {
  readonly #client: UdpPort;
  readonly #server: UdpPort;
  readonly #there: SentDatagram;
  readonly #back: SentDatagram;
  #flushes = false;

  private constructor(client: UdpPort, server: UdpPort, length: number) {
    this.#client = client;
    this.#server = server;
    const way = (from: UdpPort, to: UdpPort): SentDatagram => ({
      bytes: filled(length),
      at: 0,
      length,
      path: { port: 1, localGid: from.gid, remoteGid: to.gid, trafficClass: 0, sourcePort: 0 },
      sourcePort: 4_791,
    });
    this.#there = way(client, server);
    this.#back = way(server, client);
  }

  static async open(client: string, server: string, length: number, segmentation: boolean): Promise<Raw> {
    const open = (address: string): Promise<UdpPort> =>
      UdpPort.open({ gid: parseGid(address), segmentation, onWarning: () => undefined });
    return new Raw(await open(client), await open(server), length);
  }

  /** One way, at most {@link DEPTH} on their way. */
  stream(count: number): Promise<void> {
    return new Promise((resolve) => {
      let sent = 0;
      let received = 0;
      const send = (): void => {
        if (sent === count) return;
        sent += 1;
        this.#send(this.#client, this.#there);
      };
      this.#server.onDatagram = () => {
        received += 1;
        if (received === count) resolve();
        else send();
      };
      for (let i = 0; i < DEPTH; i += 1) send();
    });
  }

  /** There and back, one at a time. */
  pingPong(count: number): Promise<void> {
    return new Promise((resolve) => {
      let left = count;
      this.#server.onDatagram = () => this.#send(this.#server, this.#back);
      this.#client.onDatagram = () => {
        left -= 1;
        if (left === 0) resolve();
        else this.#send(this.#client, this.#there);
      };
      this.#send(this.#client, this.#there);
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#server.close()]);
  }

  #send(port: UdpPort, datagram: SentDatagram): void {
    port.send(datagram);
    if (this.#flushes) return;
    this.#flushes = true;
    setImmediate(() => {
      this.#flushes = false;
      this.#client.flush();
      this.#server.flush();
    });
  }
}

/** Two connections' ends, connected. */
async function connect(
  mtu: (typeof MTUS)[number],
  segmentation: boolean,
): Promise<{ ours: Connection; theirs: Connection; close: () => Promise<void> }> {
  const [client, server] = await Promise.all([
    openAdapter({ address: '127.0.1.1', segmentation }),
    openAdapter({ address: '127.0.1.2', segmentation }),
  ]);
  const listener = await server.listen({ port: 1 });
  const connecting = client.connect({ host: server.address, port: 1, mtu, sends: DEPTH });
  const { value: request } = await listener[Symbol.asyncIterator]().next();
  if (request === undefined) throw new Error('nobody asked');
  const [theirs, ours] = await Promise.all([request.accept({ receives: DEPTH }), connecting]);
  const close = async (): Promise<void> => {
    await ours.disconnect();
    await Promise.all([client.close(), server.close()]);
  };
  return { ours, theirs, close };
}

/** So many of something, {@link DEPTH} at once. */
async function many(count: number, one: () => Promise<unknown>): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, lane));
}

async function drain(connection: Connection, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await connection.receive();
}

async function pingPong(ours: Connection, theirs: Connection, count: number, data: Uint8Array): Promise<void> {
  const answering = (async () => {
    for (let i = 0; i < count; i += 1) {
      await theirs.receive();
      void theirs.send(data);
    }
  })();
  for (let i = 0; i < count; i += 1) {
    void ours.send(data);
    await ours.receive();
  }
  await answering;
}

const times = new Map<string, number[]>();

async function timed(what: string, count: number, run: () => Promise<void>): Promise<void> {
  const begin = performance.now();
  await run();
  const took = ((performance.now() - begin) / count) * 1_000;
  times.set(what, [...(times.get(what) ?? []), took]);
}

const small = filled(SMALL_BYTES);
const rawSmall = await Raw.open('127.0.1.7', '127.0.1.8', SMALL_BYTES + HEADER_BYTES, true);
for (const mtu of MTUS) {
  for (const [how, segmentation] of Object.entries(SEGMENTATIONS)) {
    const name = `mtu ${mtu}${how}`;
    const raw = await Raw.open('127.0.1.5', '127.0.1.6', mtu + HEADER_BYTES, segmentation);
    const { ours, theirs, close } = await connect(mtu, segmentation);
    const data = filled(mtu);
    const region = theirs.register(new Uint8Array(mtu), { remoteWrite: true });
    for (let round = 0; round < WARM_UPS + ROUNDS; round += 1) {
      if (round === WARM_UPS) for (const key of times.keys()) if (key.endsWith(name)) times.delete(key);
      await timed(`datagrams, ${name}`, MESSAGES, () => raw.stream(MESSAGES));
      await timed(`writes, ${name}`, MESSAGES, () => many(MESSAGES, () => ours.write(region, data)));
      await timed(`sends, ${name}`, MESSAGES, async () => {
        const drained = drain(theirs, MESSAGES);
        await many(MESSAGES, () => ours.send(data));
        await drained;
      });
      if (name !== 'mtu 1024') continue;
      await timed('there and back, datagrams', LATENCY_MESSAGES, () => rawSmall.pingPong(LATENCY_MESSAGES));
      await timed('there and back, sends', LATENCY_MESSAGES, () => pingPong(ours, theirs, LATENCY_MESSAGES, small));
    }
    await close();
    await raw.close();
  }
}
await rawSmall.close();
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
console.log(JSON.stringify(Object.fromEntries([...times].map(([what, values]) => [what, median(values)]))));
