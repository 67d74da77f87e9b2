import { beforeAll, describe, expect, test } from 'vitest';
import { ChannelAdapter } from '../../src/ca/index.js';
import type { CepManager, DropReason } from '../../src/cep/index.js';
import { runSeed, type SimSettings, settingsOf, Trace } from '../../src/sim/index.js';

/** What the default mix comes to in a fixed set of seeds: what nobody reaches is not tested. */
const SEEDS = 60;

/** How often each call (with its error), event (with its cause) and message occurred; and each drop. */
interface Seen {
  readonly texts: ReadonlyMap<string, number>;
  readonly drops: Partial<Record<DropReason, number>>;
  readonly resolutions: number;
  readonly violations: readonly string[];
}

function lookAt(seeds: readonly number[], fixed: Partial<SimSettings> = {}): Seen {
  const texts = new Map<string, number>();
  const drops: Partial<Record<DropReason, number>> = {};
  const violations: string[] = [];
  let resolutions = 0;
  for (const seed of seeds) {
    const managers: CepManager[] = [];
    const trace = new Trace();
    const result = runSeed({
      seed,
      fixed,
      trace,
      makeAdapter: (options) => {
        const adapter = new ChannelAdapter(options);
        managers.push(adapter.cep);
        return adapter;
      },
    });
    resolutions += result.resolutions;
    if (result.violation) violations.push(`seed ${seed}: ${result.violation.message}`);
    for (const entry of trace.entries) {
      const text = entry.kind === 'transmission' ? `sent ${entry.message}` : entry.text;
      texts.set(text, (texts.get(text) ?? 0) + 1);
      if (entry.kind === 'fault' && text.includes('attacker')) texts.set('forged', (texts.get('forged') ?? 0) + 1);
    }
    for (const { counters } of managers) {
      for (const [reason, count] of Object.entries(counters.drops) as [DropReason, number][]) {
        drops[reason] = (drops[reason] ?? 0) + count;
      }
    }
  }
  return { texts, drops, resolutions, violations };
}

describe('the default mix', () => {
  let seen: Seen;
  beforeAll(() => {
    seen = lookAt(Array.from({ length: SEEDS }, (_, index) => index + 1));
  }, 60_000);

  test('breaks no invariant', () => {
    expect(seen.violations).toEqual([]);
  });

  test.each([
    ['sendReq', 5_000],
    ['formatReq', 500],
    ['formatRep', 300],
    ['formatApr', 20],
    ['sendFormatted', 1_000],
    ['sendMra', 500],
    ['mra_received', 500],
    ['established', 200],
    ['rtu_received (established)', 200],
    ['sendLap', 300],
    ['lap_received', 300],
    ['apr_received', 300],
    ['lap_error (retriesExhausted)', 1],
    ['migrate', 200],
    ['sent SIDR_REQ', 400],
    ['sidr_rep_received', 300],
    ['sidr_req_error (retriesExhausted)', 1],
    ['req_error (deadline)', 5],
    ['dreq_error (deadline)', 1],
    ['rep_error (retriesExhausted)', 5],
    ['sendRep: QPN_IN_USE', 20],
    ['forged', 100],
  ])('comes to %s at least %d times', (text, least) => {
    expect(seen.texts.get(text) ?? 0).toBeGreaterThanOrEqual(least);
  });

  test('lets requests cross, and one of the two give way', () => {
    expect(seen.drops.peerGivesWay).toBeGreaterThanOrEqual(50);
    expect(seen.drops.peerNotReady).toBeGreaterThanOrEqual(20);
  });

  test('has attackers who get everything right but the address, the comm IDs or the queue pair', () => {
    for (const reason of ['wrongAddress', 'wrongCommId', 'wrongQpn', 'unknownCommId', 'spoofedPath'] as const)
      expect(seen.drops[reason], reason).toBeGreaterThanOrEqual(1);
  });
});

describe('with limits that are drawn low', () => {
  const tight = (name: 'maxCeps' | 'maxMads' | 'maxTransmits' | 'backlog', below: number): number[] =>
    Array.from({ length: 300 }, (_, index) => index + 1)
      .filter((seed) => settingsOf(seed)[name] < below)
      .slice(0, 8);

  test('buffers run out: calls fail and messages are lost, and yet all invariants hold', () => {
    const { texts, drops, violations } = lookAt(tight('maxMads', 8));
    expect(violations).toEqual([]);
    expect([...texts.keys()].filter((text) => text.endsWith(': LIMIT_REACHED')).length).toBeGreaterThanOrEqual(3);
    expect(drops.noBuffers).toBeGreaterThanOrEqual(10);
  });

  test('CEPs run out: requests are refused', () => {
    const { texts, violations } = lookAt(tight('maxCeps', 10));
    expect(violations).toEqual([]);
    expect(texts.get('rej_received')).toBeGreaterThanOrEqual(100);
  });

  test('the transmit queue overflows', () => {
    const { drops, violations } = lookAt(tight('maxTransmits', 3), { stalls: 40 });
    expect(violations).toEqual([]);
    expect(drops.transmitQueueFull).toBeGreaterThanOrEqual(10);
  });

  test('backlogs are full, and silent or not', () => {
    const { drops, violations } = lookAt(tight('backlog', 2));
    expect(violations).toEqual([]);
    expect(drops.backlogFull).toBeGreaterThanOrEqual(20);
  });
});
