import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { counterexampleLadder } from '../../src/sim/index.js';

/** The command as a user runs it. Needs a build, which `npm test` makes. */
const PROGRAM = fileURLToPath(new URL('../../bin/ibcm.js', import.meta.url));

function explore(...args: readonly string[]): { status: number | null; lines: string[]; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'explore', ...args], {
    encoding: 'utf8',
    timeout: 25_000,
  });
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

describe('ibcm explore', () => {
  test('says how large each script is, and that all is well', () => {
    const { status, lines } = explore('--script', 'sidr', 'connect', '--max-retries', '1', '--duplicates', '0');
    expect(status).toBe(0);
    expect(lines[0]).toMatch(/^every order, at most 1 lost, 0 duplicated, 1 retries; ([0-9a-f]{40}|version )/);
    expect(lines.filter((line) => /^(sidr|connect) +\d+ +\d+ +\d+ +\d+\.\d$/.test(line))).toHaveLength(2);
    expect(lines.at(-1)).toMatch(/^\d+ states in \d+\.\d s: all invariants held in every one$/);
  });

  test('sums up on the last line with --json', () => {
    const { status, lines } = explore('--script', 'sidr', '--max-retries', '1', '--workers', '2', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
      losses: 1,
      duplicates: 1,
      maxRetries: 1,
      maxStates: expect.any(Number) as number,
      seconds: expect.any(Number) as number,
      workers: 2,
      scripts: [{ name: 'sidr', states: 598, transitions: 1_651, depth: 12, violations: 0 }],
    });
  });

  test('ends with 1 when something is wrong, and shows the way there', () => {
    const { status, lines } = explore('--script', 'connect', '--max-states', '100');
    expect(status).toBe(1);
    expect(lines.join('\n')).toMatch(/^│ sendReq .*│ {2}REQ_SENT$/m);
    expect(lines.join('\n')).toMatch(/^✗ bound: there are more than 100 states$/m);
  });

  test('ends with 2 for a script that there is not', () => {
    const { status, stderr } = explore('--script', 'nothing');
    expect(status).toBe(2);
    expect(stderr).toMatch(/Allowed choices are connect, /);
  });
});

test('a ladder says what is sent, delivered, delivered twice and lost, from both sides', () => {
  const ladder = counterexampleLadder([
    { side: 0, kind: 'action', text: 'sendReq', states: 'REQ_SENT' },
    { side: 0, kind: 'sent', text: 'REQ 1' },
    { side: 1, kind: 'delivered, to come again', text: 'REQ 1', states: 'LISTEN, REQ_RCVD' },
    { side: 1, kind: 'sent', text: 'REP 2' },
    { side: 0, kind: 'delivered', text: 'REP 2', states: 'REP_RCVD' },
    { side: 1, kind: 'lost', text: 'RTU 3' },
    { side: 0, kind: 'violation', text: 'agreement: no' },
  ]);
  expect(ladder.map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
    '│ sendReq  │  REQ_SENT',
    '│ ── REQ 1 ──▶  │',
    '│  (and once more later) REQ 1 ──▶ │  LISTEN, REQ_RCVD',
    '│  ◀── REP 2 ── │',
    '│ ◀── REP 2  │  REP_RCVD',
    '│  RTU 3 is lost ──✗ │',
    '✗ agreement: no',
  ]);
});
