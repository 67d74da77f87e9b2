import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { freshAddress, ibcm, listening, next, run } from './program.js';

const directory = mkdtempSync(join(tmpdir(), 'ibcm-demo-'));
afterAll(() => rmSync(directory, { recursive: true }));

const hasTshark = ((): boolean => {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

const MESSAGES = ['REQ', 'REP', 'RTU', 'DREQ', 'DREP'];

describe('demo', () => {
  test('shows a ladder of one connection and its end, and writes its five messages to a capture', async () => {
    const server = freshAddress();
    const client = next(server);
    const capture = join(directory, 'demo.pcapng');
    const result = await run('demo', '--server', server, '--client', client, '--capture', capture);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.milliseconds).toBeLessThan(10_000);

    const ladder = result.lines.filter((line) => line.includes('│'));
    const header = result.lines[result.lines.indexOf(ladder[0] as string) - 1] as string;
    expect(header).toMatch(new RegExp(`^ +client ${client} +server ${server}$`));
    expect(header.indexOf('client')).toBe(ladder[0]?.indexOf('│'));
    for (const line of ladder) {
      expect(line).toMatch(/^ +\d+\.\d{3} ms │.*│$/);
      expect(line.length).toBe(header.length);
    }
    const times = ladder.map((line) => Number.parseFloat(line));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const text = ladder.map((line) =>
      line
        .slice(line.indexOf('│'))
        .replaceAll(/[│─ ]+/g, ' ')
        .trim(),
    );
    expect(text.filter((line) => /[▶◀]/.test(line))).toEqual([
      expect.stringMatching(/^REQ QPN 0x\w{6} "hello" ▶$/),
      expect.stringMatching(/^◀ REP QPN 0x\w{6} "welcome"$/),
      'RTU ▶',
      'DREQ ▶',
      '◀ DREP',
    ]);
    expect(text.filter((line) => line === 'established')).toHaveLength(2);
    // Each process says so when it comes to it: which of the two is first, the machine decides.
    expect(text.indexOf('closed by the peer')).toBeGreaterThan(text.indexOf('DREQ ▶'));
    expect(text.indexOf('closed, acknowledged')).toBeGreaterThan(text.indexOf('◀ DREP'));
    expect(result.lines.at(-1)).toContain(capture);

    const decoded = (await run('decode', '--json', capture)).lines.map(
      (line) => JSON.parse(line) as { message: string; icrc: string; source: string; destination: string },
    );
    const both = [client, server];
    expect(decoded.map(({ message, icrc }) => `${message} ${icrc}`)).toEqual(
      MESSAGES.map((message) => `${message} ok`),
    );
    expect(decoded.map(({ source }) => both.indexOf(source))).toEqual([0, 1, 0, 0, 1]);
    expect(decoded.map(({ destination }) => both.indexOf(destination))).toEqual([1, 0, 1, 1, 0]);
  });

  test.skipIf(!hasTshark)('writes a capture that tshark reads (needs tshark)', async () => {
    const server = freshAddress();
    const capture = join(directory, 'tshark.pcapng');
    expect((await run('demo', '--server', server, '--client', next(server), '--capture', capture)).status).toBe(0);
    const fields = ['-e', 'infiniband.mad.attributeid', '-e', 'infiniband.invariant.crc'];
    const lines = execFileSync('tshark', ['-r', capture, '-T', 'fields', ...fields], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => Number(line.split('\t')[0])),
    ).toEqual([0x10, 0x13, 0x14, 0x15, 0x16]);
  });

  test('fails with one line when its address is taken', async () => {
    const server = freshAddress();
    await listening(server);
    const { status, stderr } = await run('demo', '--server', server, '--client', next(server));
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^ibcm: UDP port 4791 of ${server} is in use: [^\n]+\n$`));
  });

  test("fails with one line when its client's address is taken, and leaves no server behind", async () => {
    const server = freshAddress();
    await listening(next(server));
    const { status, stderr } = await run('demo', '--server', server, '--client', next(server));
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^ibcm: UDP port 4791 of ${next(server)} is in use: [^\n]+\n$`));
    await listening(server);
  });

  test.each([
    ['at once', /REQ, REP and RTU make it/],
    ['while connected', /▶/],
  ])('stops both processes at Ctrl-C %s', async (_, moment) => {
    const server = freshAddress();
    const demo = ibcm('demo', '--server', server, '--client', next(server));
    await demo.line(moment);
    demo.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ status: 130, stderr: '' });
    await Promise.all([listening(server), listening(next(server))]);
  });
});
