import { EndpointLoopback } from './endpoint-loopback.js';
import { QueuePairLoopback } from './queue-pair-loopback.js';
import { filled, RawLoopback } from './raw-loopback.js';

/**
 * Run by data-loopback.ts as a process of its own: what it costs to move data between two adapters of a process, over real sockets, beside what it costs to
 * send datagrams as long as a write's through such ports and look at none. Rounds of all take turns. Prints medians as JSON, by the clock: both ends are this process.
 */

export interface LoopbackRates {
  /** Microseconds for each message or datagram of a length, or each round. */
  readonly [what: string]: number;
}

/** How two ends move data. */
export interface TransferOptions {
  readonly addresses: readonly [client: string, server: string];
  readonly mtu: (typeof MTUS)[number];
  readonly segmentation: boolean;
  /** How many messages are under way at once. */
  readonly depth: number;
  /** Of each message. */
  readonly data: Uint8Array;
}

/** Two ends that move data. */
export interface TransferLoopback {
  /** One way. */
  stream(opcode: 'send' | 'rdmaWrite', count: number): Promise<void>;
  /** There and back, one at a time. */
  pingPong(count: number): Promise<void>;
  close(): Promise<void>;
}

const ROUNDS = 9;
/** Rounds before that do not count: the compiler is at work. */
const WARM_UPS = 4;
const MESSAGES = 3_000;
const LATENCY_MESSAGES = 1_000;
const DEPTH = 64;
const MTUS = [1_024, 4_096] as const;
/** Whether the system cuts one message into datagrams, and puts them together again. */
const SEGMENTATIONS = { '': true, ', without segmentation': false } as const;
/** BTH and ICRC; of a write, RETH. */
const SEND_HEADER_BYTES = 12 + 4;
const WRITE_HEADER_BYTES = SEND_HEADER_BYTES + 16;
const SMALL_BYTES = 64;

const times = new Map<string, number[]>();

async function timed(what: string, count: number, run: (count: number) => Promise<void>): Promise<void> {
  const begin = performance.now();
  await run(count);
  const took = ((performance.now() - begin) / count) * 1_000;
  times.set(what, [...(times.get(what) ?? []), took]);
}

/** Lets rounds of all take turns, some of which do not count. */
async function rounds(round: () => Promise<void>): Promise<void> {
  const before = new Set(times.keys());
  for (let i = 0; i < WARM_UPS + ROUNDS; i += 1) {
    if (i === WARM_UPS) for (const key of times.keys()) if (!before.has(key)) times.delete(key);
    await round();
  }
}

async function streams(mtu: (typeof MTUS)[number], segmentation: boolean, name: string): Promise<void> {
  const depth = DEPTH;
  const length = mtu + WRITE_HEADER_BYTES;
  const data = filled(mtu);
  const raw = await RawLoopback.open('127.0.1.1', '127.0.1.2', { length, depth, segmentation });
  const sealed = await RawLoopback.open('127.0.1.3', '127.0.1.4', { length, depth, segmentation, icrcs: true });
  const wanted = { mtu, segmentation, depth, data };
  const pairs = await QueuePairLoopback.open({ ...wanted, addresses: ['127.0.1.5', '127.0.1.6'] });
  const ends = await EndpointLoopback.open({ ...wanted, addresses: ['127.0.1.7', '127.0.1.8'] });
  await rounds(async () => {
    await timed(`datagrams, ${name}`, MESSAGES, (count) => raw.stream(count));
    await timed(`datagrams with ICRCs, ${name}`, MESSAGES, (count) => sealed.stream(count));
    for (const [how, loopback] of [['RC ', pairs] as const, ['', ends] as const]) {
      await timed(`${how}writes, ${name}`, MESSAGES, (count) => loopback.stream('rdmaWrite', count));
      await timed(`${how}sends, ${name}`, MESSAGES, (count) => loopback.stream('send', count));
    }
  });
  await Promise.all([raw, sealed, pairs, ends].map((each) => each.close()));
}

async function pingPongs(): Promise<void> {
  const depth = DEPTH;
  const data = filled(SMALL_BYTES);
  const length = SMALL_BYTES + SEND_HEADER_BYTES;
  const raw = await RawLoopback.open('127.0.1.1', '127.0.1.2', { length, depth, segmentation: true });
  const sealed = await RawLoopback.open('127.0.1.3', '127.0.1.4', { length, depth, segmentation: true, icrcs: true });
  const wanted = { mtu: 1_024, segmentation: true, depth, data } as const;
  const pairs = await QueuePairLoopback.open({ ...wanted, addresses: ['127.0.1.5', '127.0.1.6'] });
  const ends = await EndpointLoopback.open({ ...wanted, addresses: ['127.0.1.7', '127.0.1.8'] });
  await rounds(async () => {
    await timed('there and back, datagrams', LATENCY_MESSAGES, (count) => raw.pingPong(count));
    await timed('there and back, datagrams with ICRCs', LATENCY_MESSAGES, (count) => sealed.pingPong(count));
    await timed('there and back, RC sends', LATENCY_MESSAGES, (count) => pairs.pingPong(count));
    await timed('there and back, sends', LATENCY_MESSAGES, (count) => ends.pingPong(count));
  });
  await Promise.all([raw, sealed, pairs, ends].map((each) => each.close()));
}

for (const mtu of MTUS)
  for (const [how, segmentation] of Object.entries(SEGMENTATIONS)) await streams(mtu, segmentation, `mtu ${mtu}${how}`);
await pingPongs();
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
console.log(JSON.stringify(Object.fromEntries([...times].map(([what, values]) => [what, median(values)]))));
