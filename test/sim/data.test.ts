import { afterEach, describe, expect, test, vi } from 'vitest';
import { ChannelAdapter } from '../../src/ca/index.js';
import { INVARIANTS, type MakeAdapter, type RunResult, runSeed, type SimSettings } from '../../src/sim/index.js';
import { CompletionQueue } from '../../src/transport/completion-queue.js';
import { QueuePairContext } from '../../src/transport/context.js';
import type { TransportLayer } from '../../src/transport/index.js';
import { MemoryRegion } from '../../src/transport/memory-region.js';

/** `IBCM_OPERATIONS=1000000 npx vitest run test/sim/data.test.ts` runs more. */
const OPERATIONS = Number(process.env['IBCM_OPERATIONS'] ?? 4_000);
const MOVING: Partial<SimSettings> = { interface: 'data', connections: 30, faultPhaseMs: 6_000 };

const run = (seed: number, fixed: Partial<SimSettings> = {}, makeAdapter?: MakeAdapter): RunResult =>
  runSeed({ seed, fixed: { ...MOVING, ...fixed }, ...(makeAdapter && { makeAdapter }) });

afterEach(() => {
  vi.restoreAllMocks();
});

describe('data that moves over simulated connections', () => {
  test('is what the operations say, under all faults, while queue pairs are destroyed and peers die', () => {
    let operations = 0;
    for (let seed = 1; operations < OPERATIONS; seed += 1) {
      const result = run(seed);
      expect(`seed ${seed}: ${result.violation?.message}`).toBe(`seed ${seed}: undefined`);
      operations += result.operations;
    }
  }, 3_600_000);

  test.each([
    ['heavy loss', { loss: 0.15 }],
    ['many crashes', { crashes: 12 }],
    ['corruption', { corruption: 0.1 }],
    ['consumers that sleep', { slowConsumers: 20 }],
  ] as const)('is so with %s', (_, faults) => {
    for (const seed of [101, 102, 103]) expect(run(seed, faults).violation?.message).toBeUndefined();
  });

  test('is the same in every run of a seed, and from the list of its faults', () => {
    const first = run(3);
    expect(run(3).digest).toBe(first.digest);
    const fixed = { ...MOVING };
    expect(runSeed({ seed: 3, fixed, plan: first.plan })).toMatchObject({
      digest: first.digest,
      operations: first.operations,
    });
    expect(first.operations).toBeGreaterThan(0);
  });

  test('meets all that can happen to it', () => {
    const transports: TransportLayer[] = [];
    const makeAdapter: MakeAdapter = (options) => {
      if (options.transport !== undefined) transports.push(options.transport);
      return new ChannelAdapter(options);
    };
    const statuses = new Map<string, number>();
    const { push } = CompletionQueue.prototype;
    vi.spyOn(CompletionQueue.prototype, 'push').mockImplementation(function (this: CompletionQueue, ...about) {
      const [, status, opcode] = about;
      for (const key of [status, opcode]) statuses.set(key, (statuses.get(key) ?? 0) + 1);
      return push.apply(this, about);
    });
    for (let seed = 1; seed <= 8; seed += 1) run(seed, { loss: 0.05, crashes: 4 }, makeAdapter);
    const sum = (count: (transport: TransportLayer) => number): number =>
      transports.reduce((all, transport) => all + count(transport), 0);
    expect(sum(({ counters }) => counters.retransmitted)).toBeGreaterThan(100);
    expect(sum(({ counters }) => counters.timeouts)).toBeGreaterThan(20);
    expect(sum(({ counters }) => counters.receiverNotReady)).toBeGreaterThan(20);
    expect(sum(({ counters }) => counters.duplicates)).toBeGreaterThan(20);
    const often = [
      'success',
      'flushed',
      'send',
      'rdmaWrite',
      'rdmaRead',
      'fetchAndAdd',
      'compareAndSwap',
      'receive',
      'receiveRdmaWithImmediate',
    ];
    for (const key of often) expect([key, statuses.get(key)]).toEqual([key, expect.any(Number)]);
    expect(statuses.get('retryExceeded')).toBeGreaterThan(2);
    expect(statuses.get('flushed')).toBeGreaterThan(50);
  });

  test('does not move where consumers only connect', () => {
    expect(runSeed({ seed: 3, fixed: { ...MOVING, interface: 'queue-pairs' } }).operations).toBe(0);
  });
});

/** Which invariant breaks in any of some seeds. */
function broken(makeAdapter?: MakeAdapter): string | undefined {
  for (let seed = 1; seed <= 8; seed += 1) {
    const { violation } = run(seed, {}, makeAdapter);
    if (violation !== undefined) return violation.details.invariant;
  }
  return undefined;
}

describe('a bug of the transport is noticed', () => {
  test('every invariant has a name', () => {
    expect(Object.keys(INVARIANTS)).toContain('data');
  });

  test('a byte is lost on its way to memory', () => {
    const { offsetOf } = MemoryRegion.prototype;
    vi.spyOn(MemoryRegion.prototype, 'offsetOf').mockImplementation(function (this: MemoryRegion, address, length) {
      const offset = offsetOf.call(this, address, length);
      return length > 300 && offset > 0 ? offset - 1 : offset;
    });
    expect(broken()).toBe('data');
  });

  test('a queue pair does not hear that it is in ERR', () => {
    const { load } = QueuePairContext.prototype;
    vi.spyOn(QueuePairContext.prototype, 'load').mockImplementation(function (this: QueuePairContext) {
      const { state } = this;
      load.call(this);
      if (this.state === 'ERR') this.state = state;
    });
    expect(broken()).toBe('data');
  });

  test('a completion is told twice', () => {
    const { push } = CompletionQueue.prototype;
    let count = 0;
    vi.spyOn(CompletionQueue.prototype, 'push').mockImplementation(function (this: CompletionQueue, ...about) {
      count += 1;
      if (count % 50 === 0) push.apply(this, about);
      return push.apply(this, about);
    });
    expect(broken()).toBe('data');
  });

  test('corrupt packets of data are taken', () => {
    const makeAdapter: MakeAdapter = (options) => new ChannelAdapter({ ...options, icrc: 'ignore' });
    expect(broken(makeAdapter)).toBe('icrc');
  });
});
