import { afterEach, describe, expect, test, vi } from 'vitest';
import { CepCore } from '../../src/cep/core.js';
import { CAUSE, EVENT } from '../../src/cep/event-queue.js';
import { describeFault, ladderOf, type RunResult, runSeed, shrink, Trace } from '../../src/sim/index.js';
import { MESSAGE_NUMBER } from '../../src/wire/index.js';

const FIXED = { connections: 60, loss: 0.05, duplication: 0.05, crashes: 2, partitions: 2, misuses: 10 };

/** A bug that shows only when a REP comes again: the RTU it leads to ends the connection for its consumer. */
function plantBug(): void {
  const { sendAgain } = CepCore.prototype;
  vi.spyOn(CepCore.prototype, 'sendAgain').mockImplementation(function (this: CepCore, cep) {
    sendAgain.call(this, cep);
    if (this.messageOf(cep.sentMad) === MESSAGE_NUMBER.REP) this.tell(cep, EVENT.timewait_exit, CAUSE.elapsed);
  });
}

function firstFailure(): RunResult {
  for (let seed = 1; ; seed += 1) {
    const result = runSeed({ seed, fixed: FIXED });
    if (result.violation) return result;
  }
}

describe('shrinking', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('leaves the one attempt and the few faults that a failure takes', () => {
    plantBug();
    const failed = firstFailure();
    const { result, runs } = shrink(failed, { fixed: FIXED });
    const { attempts, timed, transmissions } = result.plan;
    expect(result.violation?.details.invariant).toBe(failed.violation?.details.invariant);
    expect(attempts).toHaveLength(1);
    expect(timed.length + transmissions.length).toBeLessThanOrEqual(1);
    expect(runs).toBeLessThanOrEqual(500);
  });

  test('gives a run that can be repeated, and a ladder of it', () => {
    plantBug();
    const { result } = shrink(firstFailure(), { fixed: FIXED });
    const trace = new Trace();
    const again = runSeed({ seed: result.seed, fixed: FIXED, plan: result.plan, trace });
    expect(again.violation?.message).toBe(result.violation?.message);
    const ladder = ladderOf(trace.entries, result.plan.attempts[0]).join('\n');
    expect(ladder).toMatch(/REQ ─+▶[\s\S]*REP ─+/);
    expect(ladder).toMatch(/timewait_exit/);
    for (const fault of result.plan.transmissions)
      expect(describeFault(fault, result.settings)).toMatch(/transmission/);
  });

  test('does not run more often than it may', () => {
    plantBug();
    const { result, runs } = shrink(firstFailure(), { fixed: FIXED }, 5);
    expect(runs).toBeLessThanOrEqual(5);
    expect(result.violation).toBeDefined();
  });

  test('leaves a run alone in which nothing fails', () => {
    const fine = runSeed({ seed: 1, fixed: FIXED });
    expect(shrink(fine)).toEqual({ result: fine, runs: 0 });
  });
});
