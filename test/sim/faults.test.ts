import { describe, expect, test } from 'vitest';
import type { Plan, TimedFault, TraceEntry } from '../../src/sim/index.js';
import { eventsOf, faultAt, QUIET, runWith, type Seen } from './quiet.js';

/** One connection between two adapters of one port each; the same in all these tests but for the fault. */
const ONE = { adapters: 2, ports: 1, owners: 1, connections: 1 };
/** A seed whose one attempt is accepted, established and disconnected. */
const SEED = seedWithWholeConnection();

function seedWithWholeConnection(): number {
  for (let seed = 1; ; seed += 1) {
    const { transmissions } = runWith(seed, {}, ONE);
    if (transmissions.map(({ message }) => message).join() === 'REQ,REP,RTU,DREQ,DREP') return seed;
  }
}

const run = (plan: Partial<Plan>, fixed: Parameters<typeof runWith>[2] = {}): Seen =>
  runWith(SEED, plan, { ...ONE, ...fixed });
const messages = ({ transmissions }: Seen): string[] => transmissions.map(({ message }) => message);
const plain = run({});
const [req] = plain.transmissions;
if (req === undefined) throw new Error('there is a REQ');

describe('a transmission that is', () => {
  test('lost does not arrive, and is sent again', () => {
    const seen = run({ transmissions: [faultAt(req, 0, 'lose', 0)] });
    expect(seen.result.violation).toBeUndefined();
    expect(messages(seen).slice(0, 2)).toEqual(['REQ', 'REQ']);
    expect(seen.transmissions[0]?.fate).toBe('lost');
    expect(eventsOf(seen.entries, 'req_received')).toHaveLength(1);
  });

  test('duplicated arrives twice, and is no second request', () => {
    const seen = run({ transmissions: [faultAt(req, 0, 'duplicate', 10)] });
    expect(seen.result.violation).toBeUndefined();
    expect(seen.result.steps).toBe(plain.result.steps + 1);
    expect(eventsOf(seen.entries, 'req_received')).toHaveLength(1);
  });

  test.each(['delay', 'reorder'] as const)('subject to %s arrives so much later', (kind) => {
    const seen = run({ transmissions: [faultAt(req, 0, kind, 2_000)] });
    const moment = ({ entries }: Seen): number => eventsOf(entries, 'req_received')[0]?.at ?? 0;
    expect(seen.result.violation).toBeUndefined();
    expect(moment(seen)).toBeCloseTo(moment(plain) + 2_000, 6);
  });

  test.each([0, 0.1, 0.5, 0.999])('corrupted (at %d of it) is dropped before the CM sees it', (place) => {
    const seen = run({ transmissions: [faultAt(req, 0, 'corrupt', place)] });
    expect(seen.result.violation).toBeUndefined();
    expect(messages(seen).slice(0, 2)).toEqual(['REQ', 'REQ']);
    expect(eventsOf(seen.entries, 'req_received')).toHaveLength(1);
  });

  test('overtaken by the next one of its link arrives after it', () => {
    // Loss makes a second REQ; the first, late, comes after it and is a duplicate.
    const seen = run({ transmissions: [faultAt(req, 0, 'delay', 5_000_000)] }, { delayMs: 10_000 });
    expect(messages(seen).filter((message) => message === 'REQ').length).toBeGreaterThan(1);
    expect(eventsOf(seen.entries, 'req_received').length).toBeGreaterThanOrEqual(1);
  });
});

describe('during', () => {
  const always = { at: 0, until: 20_000_000 };
  const timed = (fault: TimedFault): Seen => run({ timed: [fault] });

  test('a partition nothing gets through in its direction; the other still works', () => {
    const there = timed({ kind: 'partition', ...always, from: req.from, to: req.to });
    expect(new Set(there.transmissions.map(({ fate }) => fate))).toEqual(new Set(['cut off']));
    expect(there.result.violation).toBeUndefined();
    const back = timed({ kind: 'partition', ...always, from: req.to, to: req.from });
    expect(eventsOf(back.entries, 'req_received')).toHaveLength(1);
    expect(eventsOf(back.entries, 'rep_received')).toHaveLength(0);
    expect(back.result.violation).toBeUndefined();
  });

  test('a partition that heals, what was cut off is sent again and arrives', () => {
    const start = plain.entries[0]?.at ?? 0;
    const seen = timed({ kind: 'partition', at: 0, until: start + 1, from: req.from, to: req.to });
    expect(seen.transmissions[0]?.fate).toBe('cut off');
    expect(eventsOf(seen.entries, 'rtu_received')).toHaveLength(1);
  });

  test('the failure of a port it neither sends nor receives', () => {
    const sender = timed({ kind: 'portDown', ...always, port: req.from });
    expect(new Set(sender.transmissions.map(({ fate }) => fate))).toEqual(new Set(['port down']));
    const receiver = timed({ kind: 'portDown', ...always, port: req.to });
    expect(eventsOf(receiver.entries, 'req_received')).toHaveLength(0);
    expect(receiver.result.violation).toBeUndefined();
  });

  test('a crash all state is lost, and the adapter comes back', () => {
    const established = eventsOf(plain.entries, 'rtu_received')[0]?.at ?? 0;
    const seen = timed({ kind: 'crash', at: established + 1, until: established + 1_000, adapter: req.to });
    expect(seen.result.violation).toBeUndefined();
    // Its peer's DREQ is answered by one that knows nothing of the connection, or nobody.
    expect(eventsOf(seen.entries, 'dreq_received')).toHaveLength(0);
    expect(messages(seen)).toContain('DREQ');
  });

  test('the stall of an adapter what it sends waits', () => {
    const [{ at: start } = { at: 0 }] = plain.entries;
    const seen = timed({ kind: 'stall', at: 0, until: start + 5_000, adapter: req.from });
    expect(eventsOf(seen.entries, 'req_received')[0]?.at).toBeGreaterThan(start + 5_000);
    expect(seen.result.violation).toBeUndefined();
  });

  test('the sleep of a consumer its events wait', () => {
    const seen = timed({ kind: 'sleep', at: 0, until: 19_000_000, adapter: req.to, owner: 0 });
    expect(eventsOf(seen.entries, 'req_received')[0]?.at).toBe(19_000_000);
    expect(seen.result.violation).toBeUndefined();
  });

  test('an attack by somebody who knows nearly everything nothing changes', () => {
    const forgeries = Array.from({ length: 400 }, (_, n): TimedFault => {
      return { kind: 'forge', at: n * 50_000, adapter: n % 2, n };
    });
    const seen = run({ timed: forgeries });
    const told = ({ entries }: Seen): TraceEntry[] => entries.filter(({ kind }) => kind === 'event');
    expect(seen.result.violation).toBeUndefined();
    expect(told(seen)).toEqual(told(plain));
  });

  test('misuse nothing changes', () => {
    const misuses = Array.from({ length: 400 }, (_, n): TimedFault => {
      return { kind: 'misuse', at: n * 50_000, adapter: n % 2, owner: 0, n };
    });
    const seen = run({ timed: misuses });
    expect(seen.result.violation).toBeUndefined();
    expect(messages(seen)).toEqual(messages(plain));
  });
});

test('in a quiet network every attempt comes to its scripted end, and both sides agree', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { result } = runWith(seed, {}, { ...QUIET, connections: 60 });
    expect(result.violation?.message, `seed ${seed}`).toBeUndefined();
    expect(result.lifecycles + result.resolutions).toBeGreaterThanOrEqual(60);
  }
});
