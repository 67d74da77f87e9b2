import { describe, expect, test } from 'vitest';
import { eventsOf, freshAddress, ibcm, run } from './program.js';

describe.concurrent('ibcm bench connect', () => {
  test('tells of each step what it took, with a listener elsewhere', async () => {
    const address = freshAddress();
    const listener = ibcm('listen', `${address}:7471`, '--json');
    await listener.line(/listening/);
    const client = await run('bench', 'connect', `${address}:7471`, '--connections', '20', '--at-once', '4', '--json');
    listener.kill('SIGINT');
    expect(client).toMatchObject({ status: 0, stderr: '' });
    const steps = eventsOf(client.lines) as unknown as Record<string, number>[];
    expect(steps).toMatchObject(['connect', 'disconnect'].map((step) => ({ event: 'step', step })));
    for (const { totalMs = 0, max = 0, min = 0, each = 0, perSecond = 0 } of steps) {
      expect(min).toBeLessThanOrEqual(max);
      expect(max).toBeLessThanOrEqual(totalMs * 1_000);
      expect(each).toBeCloseTo((totalMs * 1_000) / 20, 0);
      expect(perSecond / (20 / (totalMs / 1_000))).toBeCloseTo(1, 1);
    }
    const { lines } = await listener.ended;
    expect(lines.filter((line) => line.includes('"event":"established"'))).toHaveLength(20);
  });

  test.each([
    [[], 'batched'],
    [['--sockets', 'dgram'], 'dgram'],
  ])('needs nobody else, and prints a table: %j', async (args) => {
    const client = await run('bench', 'connect', '--connections', '10', ...args);
    expect(client).toMatchObject({ status: 0, stderr: '' });
    expect(client.lines[0]).toMatch(/^step +total ms +max us +min us +us\/conn +conn\/sec$/);
    expect(client.lines.slice(1)).toEqual([
      expect.stringMatching(/^connect( +[\d.]+){4} +\d+$/),
      expect.stringMatching(/^disconnect( +[\d.]+){4} +\d+$/),
    ]);
  });

  test('fails with status 1 where nobody listens', async () => {
    const { status, stderr } = await run('bench', 'connect', `${freshAddress()}:1`, '--timeout-ms', '100');
    expect(status).toBe(1);
    expect(stderr).toMatch(/did not answer/);
  });
});
