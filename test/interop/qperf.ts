import { equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataPeer } from './data-peer.js';

/**
 * How qperf's client and server agree on a test, over TCP, in little-endian numbers: the client says what it wants, the server at which port of the connection manager
 * it listens; when that connection stands, both say where their memory is; each says that it is ready, and does its part; the server says what came of it, and the client that it has heard.
 */

/** Of Debian 12; the last number may differ between the two. */
const VERSION = [0, 4, 11] as const;
const REQUEST_BYTES = 200;
const REQUEST = { test: 6, messageBytes: 24, messages: 32, seconds: 60, timeout: 64, useCm: 68 } as const;
/** Where memory is: its address, and six numbers of which only the key means something with a connection manager; and padding. */
const PLACE_BYTES = 40;
const KEY_AT = 24;
const STATISTICS_BYTES = 256;
/** Ticks a second, when the test ended in ticks since it began, and what was received: bytes, messages, errors; and the errors of what was sent. */
const STATISTICS = { ticksPerSecond: 4, ended: 84, sendErrors: 172, received: 180 } as const;
const TICKS_PER_SECOND = 100;
const READY = 'synchronization before test';
const HEARD = 'synchronization after test';
/** How long it waits for the other side to say something: a busy machine emulates it slowly. */
const TIMEOUT_SECONDS = 60;
const TRIES = 200;
const PAUSE_MS = 100;

/** Its tests, by their numbers. */
export const QPERF_TESTS = {
  rc_bw: 13,
  rc_lat: 16,
  rc_rdma_read_bw: 17,
  rc_rdma_write_lat: 20,
  ver_rc_compare_swap: 31,
  ver_rc_fetch_add: 32,
} as const;
export type QperfTest = keyof typeof QPERF_TESTS;

export interface QperfRequest {
  readonly test: QperfTest;
  readonly messageBytes: number;
  /** How many messages; 0: as long as {@link seconds} say. */
  readonly messages: number;
  readonly seconds: number;
}

/** What a server has received, and what went wrong. */
export interface QperfStatistics {
  readonly bytes: number;
  readonly messages: number;
  readonly errors: number;
}

/** What two sides say over TCP. */
class Talk {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    // That it breaks shows where something is missing.
    socket.on('error', () => undefined);
  }

  say(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  async hear(count: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read(count) as Buffer | null;
      if (bytes !== null) {
        equal(bytes.length, count, 'qperf has ended');
        return bytes;
      }
      if (this.#socket.readableEnded || this.#socket.destroyed) throw new Error('qperf has ended');
      await Promise.race([once(this.#socket, 'readable'), once(this.#socket, 'close')]);
    }
  }

  async hearText(text: string): Promise<void> {
    equal(String(await this.hear(text.length)), text);
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function exchangePlaces(talk: Talk, peer: DataPeer): Promise<void> {
  const ours = Buffer.alloc(PLACE_BYTES);
  ours.writeBigUInt64LE(BigInt(peer.memory.address));
  ours.writeUInt32LE(peer.memory.rkey, KEY_AT);
  talk.say(ours);
  const said = await talk.hear(PLACE_BYTES);
  const place = Buffer.alloc(16);
  place.writeBigUInt64BE(said.readBigUInt64LE());
  place.writeUInt32BE(said.readUInt32LE(KEY_AT), 8);
  peer.learn(place);
}

async function beReady(talk: Talk): Promise<void> {
  talk.say(READY);
  await talk.hearText(READY);
}

/**
 * Our part of a server, for one client.
 * @param tcpPort where the client comes to. @param port where it finds us by the connection manager.
 * @param serve our part of the test, once both are ready; what it has received.
 * @param signal gives it up.
 */
export async function serveQperf(
  { address, tcpPort, port }: { readonly address: string; readonly tcpPort: number; readonly port: number },
  connected: Promise<DataPeer>,
  serve: (peer: DataPeer, request: QperfRequest) => Promise<QperfStatistics>,
  signal: AbortSignal,
): Promise<void> {
  const server = createServer().listen({ port: tcpPort, host: address, signal });
  const [socket] = (await once(server, 'connection', { signal })) as [Socket];
  server.close();
  const talk = new Talk(socket);
  signal.addEventListener('abort', () => talk.close());
  try {
    const request = requestOf(await talk.hear(REQUEST_BYTES));
    const where = Buffer.alloc(4);
    where.writeUInt32LE(port);
    talk.say(where);
    const peer = await connected;
    await exchangePlaces(talk, peer);
    await beReady(talk);
    const begin = performance.now();
    talk.say(statistics(await serve(peer, request), performance.now() - begin));
    await talk.hearText(HEARD);
    await peer.ended();
  } finally {
    talk.close();
  }
}

/**
 * Our part of a client.
 * @param reach connects to a port of the connection manager. @param act our part of the test.
 * @returns what the server says that it has received.
 */
export async function askQperf(
  { host, tcpPort }: { readonly host: string; readonly tcpPort: number },
  request: QperfRequest,
  reach: (port: number) => Promise<DataPeer>,
  act: (peer: DataPeer) => Promise<void>,
): Promise<QperfStatistics> {
  const talk = new Talk(await connectTcp(host, tcpPort));
  try {
    talk.say(bytesOf(request));
    const peer = await reach((await talk.hear(4)).readUInt32LE());
    await exchangePlaces(talk, peer);
    await beReady(talk);
    await act(peer);
    const said = await talk.hear(STATISTICS_BYTES);
    talk.say(HEARD);
    await peer.disconnect();
    return statisticsOf(said);
  } finally {
    talk.close();
  }
}

/** Connects, again if nobody listens yet. */
async function connectTcp(host: string, port: number): Promise<Socket> {
  for (let left = TRIES; ; left -= 1) {
    const socket = connect(port, host);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      socket.destroy();
      if (left <= 1) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

function requestOf(bytes: Buffer): QperfRequest {
  const [major, minor] = [bytes.readUInt16LE(0), bytes.readUInt16LE(2)];
  equal(`${major}.${minor}`, `${VERSION[0]}.${VERSION[1]}`, 'the version of qperf');
  equal(bytes.readUInt32LE(REQUEST.useCm), 1, 'qperf does not use the connection manager');
  const number = bytes.readUInt16LE(REQUEST.test);
  const test = (Object.keys(QPERF_TESTS) as QperfTest[]).find((name) => QPERF_TESTS[name] === number);
  ok(test !== undefined, `qperf wants test ${number}`);
  return {
    test,
    messageBytes: bytes.readUInt32LE(REQUEST.messageBytes),
    messages: bytes.readUInt32LE(REQUEST.messages),
    seconds: bytes.readUInt32LE(REQUEST.seconds),
  };
}

function bytesOf({ test, messageBytes, messages, seconds }: QperfRequest): Buffer {
  const bytes = Buffer.alloc(REQUEST_BYTES);
  for (const [index, part] of VERSION.entries()) bytes.writeUInt16LE(part, index * 2);
  bytes.writeUInt16LE(QPERF_TESTS[test], REQUEST.test);
  bytes.writeUInt32LE(messageBytes, REQUEST.messageBytes);
  bytes.writeUInt32LE(messages, REQUEST.messages);
  bytes.writeUInt32LE(seconds, REQUEST.seconds);
  bytes.writeUInt32LE(TIMEOUT_SECONDS, REQUEST.timeout);
  bytes.writeUInt32LE(1, REQUEST.useCm);
  return bytes;
}

function statistics({ bytes, messages, errors }: QperfStatistics, tookMs: number): Buffer {
  const said = Buffer.alloc(STATISTICS_BYTES);
  said.writeUInt32LE(TICKS_PER_SECOND, STATISTICS.ticksPerSecond);
  const took = Math.max(1, Math.round((tookMs / 1_000) * TICKS_PER_SECOND));
  said.writeBigUInt64LE(BigInt(took), STATISTICS.ended);
  said.writeBigUInt64LE(BigInt(bytes), STATISTICS.received);
  said.writeBigUInt64LE(BigInt(messages), STATISTICS.received + 8);
  said.writeBigUInt64LE(BigInt(errors), STATISTICS.received + 16);
  return said;
}

function statisticsOf(said: Buffer): QperfStatistics {
  const number = (at: number): number => Number(said.readBigUInt64LE(at));
  return {
    bytes: number(STATISTICS.received),
    messages: number(STATISTICS.received + 8),
    errors: number(STATISTICS.received + 16) + number(STATISTICS.sendErrors),
  };
}
