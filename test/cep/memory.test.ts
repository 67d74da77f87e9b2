import { expect, test, vi } from 'vitest';
import type { Instant } from '../../src/base/index.js';
import { DEFAULT_LIMITS, type PathAddress } from '../../src/cep/index.js';
import { RECORD_WORDS } from '../../src/cep/record.js';
import { MAD_BYTES } from '../../src/wire/index.js';
import { Pair, type Side } from './pair.js';

const MOST_BYTES = 256;
const CEPS = 100_000;
const PAGE_WORDS = 1_024;
const PAGE_BYTES = PAGE_WORDS * 4;
/** A timer's links to its neighbours: written while it ran, and zero again. */
const TIMER_LINK_BYTES = 8;
/** More than the 20 µs that the limit of requests a second asks for. */
const PACE = 25;
/** 0 and 1 are the management queue pairs. */
const FIRST_QPN = 2;
const ARRAYS = ['Uint8Array', 'Int32Array', 'Uint32Array', 'Float64Array'] as const;

/** The buffers of all typed arrays that are made meanwhile. */
function buffersOf(make: () => void): Set<ArrayBufferLike> {
  const buffers = new Set<ArrayBufferLike>();
  for (const name of ARRAYS) {
    const construct = (target: typeof Uint8Array, args: [number]): object => {
      const array = Reflect.construct(target, args) as Uint8Array;
      buffers.add(array.buffer);
      return array;
    };
    vi.stubGlobal(name, new Proxy<object>(globalThis[name], { construct } as ProxyHandler<object>));
  }
  try {
    make();
  } finally {
    vi.unstubAllGlobals();
  }
  return buffers;
}

/** Bytes of the pages in which something stands: those that were never written cost no memory. */
function touchedBytes(buffers: Iterable<ArrayBufferLike>): number {
  let pages = 0;
  for (const buffer of buffers) {
    const words = new Uint32Array(buffer, 0, buffer.byteLength >> 2);
    for (let at = 0; at < words.length; at += PAGE_WORDS) {
      if (words.subarray(at, at + PAGE_WORDS).some((word) => word !== 0)) pages += 1;
    }
  }
  return pages * PAGE_BYTES;
}

/** Carries what one side sends to the other, without looking at it. */
function carry(from: Side, to: Side, now: Instant): void {
  const path: PathAddress = { port: 1, localGid: to.gid, remoteGid: from.gid, trafficClass: 0, sourcePort: 0 };
  for (let sent = from.manager.pollTransmit(); sent !== undefined; sent = from.manager.pollTransmit()) {
    to.manager.handleMad(sent.mad, 0, MAD_BYTES, path, now);
  }
}

test('an established connection costs at most 256 bytes on either side, at 100,000', { timeout: 60_000 }, () => {
  let pair: Pair | undefined;
  const buffers = buffersOf(() => {
    pair = new Pair({ ...DEFAULT_LIMITS, maxCeps: CEPS + 1 });
  });
  if (pair === undefined) throw new Error('no pair');
  const { client, server } = pair;
  pair.listen();
  const before = touchedBytes(buffers);
  for (let i = 0; i < CEPS; i += 1) {
    pair.now = (pair.now + PACE) as Instant;
    const cid = client.owner.create();
    client.owner.sendReq(cid, pair.request({ qpn: FIRST_QPN + i }), pair.now);
    carry(client, server, pair.now);
    const request = server.owner.pollEvent();
    if (request === undefined) throw new Error('no request');
    server.owner.sendRep(request.cid, { qpn: FIRST_QPN + i, startingPsn: 1 }, pair.now);
    carry(server, client, pair.now);
    client.owner.pollEvent();
    client.owner.sendRtu(cid, {}, pair.now);
    carry(client, server, pair.now);
    server.owner.pollEvent();
  }
  for (const { manager, owner } of [client, server]) {
    manager.pollTransmit();
    owner.pollEvent();
    // No message, event or timer, and one object for all paths.
    const { ceps: _, ...rest } = manager.usage();
    expect(rest).toEqual({
      owners: 1,
      mads: 0,
      paths: 1,
      events: 0,
      transmits: 0,
      timers: 0,
      listens: manager === server.manager ? 1 : 0,
      localQpns: CEPS,
      remoteIds: CEPS,
      remoteQpns: CEPS,
      timings: 0,
      peerRequests: 0,
      cidSlots: 0,
    });
  }
  const each = (touchedBytes(buffers) - before) / (2 * CEPS) + TIMER_LINK_BYTES;
  expect(each).toBeGreaterThan(RECORD_WORDS * 4);
  expect(each).toBeLessThanOrEqual(MOST_BYTES);
});
