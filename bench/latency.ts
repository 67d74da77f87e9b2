import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import { parseGid } from 'ibcm/base';
import { type SentDatagram, UdpPort } from 'ibcm/io';
import { Connector } from './connection-cycles.js';
import { CLIENT_ADDRESS, ECHO_ADDRESS, ECHO_DGRAM_PORT, localAddress, PEER_ADDRESS } from './cycles-addresses.js';
import { PeerProcess } from './cycles-child.js';

/**
 * Run by cycles-loopback.ts as a process of its own: how long things take that another process answers. Times count from the moment when something was to be
 * begun, whether or not it could be begun then: who waits for those before it waits, too. Prints microseconds as JSON.
 */

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface Latencies {
  /** A datagram of a CM message's length there and back, at 100 a second. */
  readonly batched: Percentiles;
  /** The same if both ends look for it all the time. */
  readonly busy: Percentiles;
  readonly dgram: Percentiles;
  /** From the wish to connect to the REP, by the share of the greatest rate of connections, in percent. */
  readonly establishing: Readonly<Record<'10' | '50' | '90', Percentiles>>;
  /** The processor time that a second costs in which nothing happens, in microseconds: of the process that waits. */
  readonly idle: number;
}

const PACKET_BYTES = 280;
const DATAGRAMS = 600;
const INTERVAL_MS = 10;
/** Round trips before that do not count, one after the other: at 100 a second, the compiler would take minutes to see what is worth its while. */
const WARM_UP_TRIPS = 20_000;
const IDLE_SECONDS = 5;
const SATURATION_CYCLES = 20_000;
const DEPTH = 128;
const LOADS = [10, 50, 90] as const;
const LOAD_MS = 2_500;
const HIGHEST_MICROSECONDS = 60_000_000;

const histogram = (): Histogram =>
  build({ highestTrackableValue: HIGHEST_MICROSECONDS, numberOfSignificantValueDigits: 3 });
const record = (into: Histogram, sinceMs: number): void =>
  into.recordValue(Math.round((performance.now() - sinceMs) * 1_000));
const percentilesOf = (values: Histogram): Percentiles => ({
  p50: values.getValueAtPercentile(50),
  p99: values.getValueAtPercentile(99),
  p999: values.getValueAtPercentile(99.9),
});

/** Sends a datagram, and resolves when it is back. */
type RoundTrip = () => Promise<void>;

async function openBatched(busyPoll = false): Promise<{ trip: RoundTrip; close: () => Promise<void> }> {
  const gid = parseGid(localAddress(20));
  const port = await UdpPort.open({ gid, busyPoll, onWarning: () => undefined });
  const path = { port: 1, localGid: gid, remoteGid: parseGid(ECHO_ADDRESS), trafficClass: 0, sourcePort: 0 };
  const datagram: SentDatagram = {
    bytes: new Uint8Array(PACKET_BYTES),
    at: 0,
    length: PACKET_BYTES,
    path,
    sourcePort: 4_791,
  };
  const trip = (): Promise<void> =>
    new Promise((resolve) => {
      port.onDatagram = () => resolve();
      port.send(datagram);
      port.flush();
    });
  return { trip, close: () => port.close() };
}

async function openDgram(): Promise<{ trip: RoundTrip; socket: Socket }> {
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
  const listening = once(socket, 'listening');
  socket.bind({ address: localAddress(21), port: 0, exclusive: true });
  await listening;
  const bytes = new Uint8Array(PACKET_BYTES);
  const trip = (): Promise<void> =>
    new Promise((resolve) => {
      socket.once('message', () => resolve());
      socket.send(bytes, ECHO_DGRAM_PORT, ECHO_ADDRESS);
    });
  return { trip, socket };
}

async function warmUp(trips: readonly RoundTrip[]): Promise<void> {
  for (let i = 0; i < WARM_UP_TRIPS; i += 1) for (const trip of trips) await trip();
}

/** Both kinds of sockets by turns, each 100 times a second. */
async function datagrams(): Promise<Pick<Latencies, 'batched' | 'dgram'>> {
  const [batched, dgram] = [await openBatched(), await openDgram()];
  const trips = [batched.trip, dgram.trip] as const;
  const times = [histogram(), histogram()] as const;
  await warmUp(trips);
  for (let i = 0; i < DATAGRAMS; i += 1) {
    for (const which of [0, 1] as const) {
      await sleep(INTERVAL_MS / 2);
      const begin = performance.now();
      await trips[which]();
      record(times[which], begin);
    }
  }
  await batched.close();
  dgram.socket.close();
  return { batched: percentilesOf(times[0]), dgram: percentilesOf(times[1]) };
}

/** Alone, as it leaves nobody else a processor. */
async function busy(): Promise<Percentiles> {
  const peer = await PeerProcess.start('--busy-poll');
  const { trip, close } = await openBatched(true);
  const times = histogram();
  await warmUp([trip]);
  for (let i = 0; i < DATAGRAMS; i += 1) {
    await sleep(INTERVAL_MS);
    const begin = performance.now();
    await trip();
    record(times, begin);
  }
  await close();
  await peer.stop();
  return percentilesOf(times);
}

/** Connections at regular moments. @param perMs how many in a millisecond. */
async function underLoad(connector: Connector, perMs: number): Promise<Percentiles> {
  const times = histogram();
  const wanted: number[] = [];
  const total = Math.round(perMs * LOAD_MS);
  let done = 0;
  await new Promise<void>((resolve) => {
    connector.onEstablished = (tag) => record(times, wanted[tag] as number);
    connector.onDone = () => {
      done += 1;
      if (done === total) resolve();
    };
    const begin = performance.now();
    // Timers are too coarse: the event loop goes round and looks what is due.
    const beginDue = (): void => {
      const before = wanted.length;
      for (let due = begin + wanted.length / perMs; wanted.length < total && due <= performance.now(); ) {
        connector.begin(wanted.length);
        wanted.push(due);
        due = begin + wanted.length / perMs;
      }
      if (wanted.length > before) connector.wake();
      if (wanted.length < total) setImmediate(beginDue);
    };
    beginDue();
  });
  connector.onEstablished = () => undefined;
  return percentilesOf(times);
}

async function establishing(): Promise<Latencies['establishing']> {
  const connector = await Connector.open(CLIENT_ADDRESS, PEER_ADDRESS, {});
  await connector.run(SATURATION_CYCLES, DEPTH);
  const begin = performance.now();
  await connector.run(SATURATION_CYCLES, DEPTH);
  const perMs = SATURATION_CYCLES / (performance.now() - begin);
  const results: [string, Percentiles][] = [];
  for (const load of LOADS) results.push([String(load), await underLoad(connector, (perMs * load) / 100)]);
  await connector.close();
  return Object.fromEntries(results) as Latencies['establishing'];
}

/** What it costs to wait: the median of some seconds, in one of which the collector may tidy up what was before. */
async function idle(peer: PeerProcess): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < IDLE_SECONDS; i += 1) {
    const begin = await peer.used();
    await sleep(1_000);
    seconds.push((await peer.used()) - begin);
  }
  return seconds.toSorted((a, b) => a - b)[IDLE_SECONDS >> 1] as number;
}

const busyTimes = await busy();
const peer = await PeerProcess.start();
const latencies: Latencies = {
  ...(await datagrams()),
  busy: busyTimes,
  establishing: await establishing(),
  idle: await idle(peer),
};
await peer.stop();
console.log(JSON.stringify(latencies));
