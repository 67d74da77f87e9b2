import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** The command as a user runs it. Needs a build, which `npm test` makes. */
const PROGRAM = fileURLToPath(new URL('../../bin/ibcm.js', import.meta.url));

function sim(...args: readonly string[]): { status: number | null; lines: string[]; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'sim', ...args], {
    encoding: 'utf8',
    timeout: 25_000,
  });
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

describe('ibcm sim', () => {
  test('says first what a seed is made of, and ends with the same digest each time', () => {
    const first = sim('--seed', '7', '--connections', '20');
    expect(first.status).toBe(0);
    expect(first.lines[0]).toMatch(/^seed 7, ([0-9a-f]{40}|version )/);
    expect(first.lines.join('\n')).toMatch(/^ {2}connections +20$/m);
    expect(first.lines.at(-1)).toMatch(/all invariants held; digest [0-9a-f]{16}$/);
    expect(sim('--seed', '7', '--connections', '20').lines).toEqual(first.lines);
  });

  test('runs many seeds on threads and sums up on the last line', () => {
    const { status, lines } = sim('--seeds', '1..40', '--connections', '10', '--workers', '2', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
      seeds: 40,
      lifecycles: expect.any(Number) as number,
      operations: 0,
      violations: 0,
      seconds: expect.any(Number) as number,
      workers: 2,
    });
  });

  test('says which interface consumers use, and takes no other', () => {
    const { status, lines } = sim('--seed', '7', '--connections', '20', '--interface', 'queue-pairs');
    expect(status).toBe(0);
    expect(lines.join('\n')).toMatch(/^ {2}interface +queue-pairs$/m);
    expect(sim('--seed', '7', '--interface', 'sockets').stderr).toMatch(
      /Allowed choices are cep, cm, queue-pairs, mixed, data/,
    );
  });

  test('counts operations where queue pairs move data', () => {
    const moving = ['--connections', '6', '--fault-phase-ms', '2000', '--interface', 'data'];
    const one = sim('--seed', '2', ...moving);
    expect(one.lines.at(-1)).toMatch(/^\d+ lifecycles, \d+ operations, \d+ faults, all invariants held/);
    const many = sim('--seeds', '1..4', ...moving, '--json');
    expect((JSON.parse(many.lines.at(-1) ?? '') as { operations: number }).operations).toBeGreaterThan(20);
  });

  test('shows all that happens with --trace', () => {
    const { lines } = sim('--seed', '7', '--connections', '3', '--trace');
    expect(lines.join('\n')).toMatch(/ms │ ── REQ ─+▶ │|ms │ ◀─ REQ ─+ │/);
  });

  test('ends with 1 when an invariant does not hold, and names the seed and its faults', () => {
    // Nothing comes to rest in no time.
    const { status, lines } = sim(
      '--seeds',
      '1..40',
      '--connections',
      '10',
      '--rest-ms',
      '1',
      '--fault-phase-ms',
      '100',
    );
    const text = lines.join('\n');
    expect(status).toBe(1);
    expect(text).toMatch(/^seed \d+: rest: something is still to happen/m);
    expect(text).toMatch(/With fewer faults/);
    expect(text).toMatch(/Again: ibcm sim --seed \d+ .*--rest-ms 1/);
  });

  test.each([
    ['--seeds', '5..1'],
    ['--seed', 'x'],
    ['--loss', '-1'],
    ['--adapters', '1'],
  ])('refuses %s %s with status 2', (...args) => {
    const { status, stderr } = sim(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^ibcm: /);
  });
});
