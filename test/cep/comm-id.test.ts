import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/index.js';
import { CommIdCipher } from '../../src/cep/comm-id.js';
import { known, Pair } from './pair.js';

test('every number has its own comm ID, from which it can be had again', () => {
  const cipher = new CommIdCipher(new SeededRandom(5));
  const seen = new Set<number>();
  for (const number of [0, 1, 2, 0xffff, 0x1_0000, 0x8000_0000, 0xffff_ffff, ...Array(10_000).keys()]) {
    const commId = cipher.encrypt(number);
    expect(commId).toBe(commId >>> 0);
    expect(cipher.decrypt(commId)).toBe(number);
    seen.add(commId);
  }
  expect(seen.size).toBe(10_004);
});

/** The comm IDs of `count` attempts, one after the other, on one CEP. */
function attempts(count: number, seed: number, limits = {}): number[] {
  const pair = new Pair(limits, seed);
  const client = pair.client.owner.create();
  return Array.from({ length: count }, () => {
    pair.client.owner.sendReq(client, pair.request({ maxCmRetries: 0 }), pair.now);
    const { localCommId } = known('REQ', pair.take()).mad.fields;
    pair.exhaust();
    pair.client.events();
    return localCommId;
  });
}

test('each attempt has a comm ID that is not 0 and was not had before', () => {
  for (const maxCeps of [1, 64, 65_535]) {
    const seen = attempts(2_000, 3, { maxCeps });
    expect(seen).not.toContain(0);
    expect(new Set(seen).size).toBe(2_000);
  }
});

test('comm IDs of successive attempts differ in about half of their bits, and another start gives others', () => {
  const seen = attempts(500, 3);
  const distances = seen.slice(1).map((commId, index) => {
    const difference = commId ^ (seen[index] as number);
    return Array.from({ length: 32 }, (_, bit) => (difference >>> bit) & 1).reduce((sum, bit) => sum + bit, 0);
  });
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
  expect(mean).toBeGreaterThan(15);
  expect(mean).toBeLessThan(17);
  expect(attempts(500, 4).filter((commId) => seen.includes(commId))).toEqual([]);
});

test('the comm ID of a REQ that was rejected means nothing any more', () => {
  const pair = new Pair();
  const client = pair.client.owner.create();
  pair.client.owner.sendReq(client, pair.request(), pair.now);
  const first = known('REQ', pair.take());
  pair.deliver(first);
  pair.deliverAll();
  expect(pair.client.onlyEvent().type).toBe('rej_received');
  pair.client.owner.sendReq(client, pair.request(), pair.now);
  expect(known('REQ', pair.take()).mad.fields.localCommId).not.toBe(first.mad.fields.localCommId);
  const fields = { localCommId: 7, remoteCommId: first.mad.fields.localCommId, messageRejected: 0, reason: 28 };
  pair.inject(pair.client, pair.forge('REJ', fields), pair.server.gid);
  expect(pair.client.drops()).toEqual({ unknownCommId: 1 });
  expect(pair.client.owner.state(client)).toBe('REQ_SENT');
});
