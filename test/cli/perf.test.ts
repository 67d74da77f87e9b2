import { describe, expect, test } from 'vitest';
import { eventsOf, freshAddress, ibcm, type Program, run } from './program.js';

/** `ibcm serve-perf` and `ibcm perf`, two processes over loopback. */

async function serving(address: string, ...args: readonly string[]): Promise<Program> {
  const program = ibcm('serve-perf', address, ...args);
  await program.line(/\blistening\b/);
  return program;
}

describe.concurrent('perf and serve-perf', () => {
  test.each([
    ['send', '4096'],
    ['write', '100000'],
    ['read', '65536'],
    ['atomic', undefined],
  ])('measure %s', async (operation, size) => {
    const address = freshAddress();
    const server = await serving(address, '--count', '1', '--json');
    const sized = size === undefined ? [] : ['--size', size];
    const client = await run('perf', operation, address, ...sized, '--depth', '4', '--mtu', '4096', '--json');
    expect(client).toMatchObject({ status: 0, stderr: '' });
    const [result, ...others] = eventsOf(client.lines) as unknown as [Record<string, number>];
    expect(others).toEqual([]);
    const { bytes, operations, seconds, megabytesPerSecond, operationsPerSecond } = result as Record<string, number>;
    expect(result).toMatchObject({ event: 'result', operation, bytes: Number(size ?? 8) });
    if (!operations || !seconds || !bytes) throw new Error('nothing was measured');
    expect(operationsPerSecond).toBeCloseTo(operations / seconds, -1);
    expect(megabytesPerSecond).toBeCloseTo((operations * bytes) / seconds / 1e6, 0);
    const served = eventsOf((await server.ended).lines).find(({ event }) => event === 'served');
    expect(served).toMatchObject({ messages: operation === 'send' ? operations : 0 });
  });

  test('print a table for people, with a line for each size', async () => {
    const address = freshAddress();
    await serving(address, '--count', '1');
    const client = ibcm('perf', 'write', address);
    await client.line(/^ +256 +\d+ /);
    expect(client.lines[0]).toMatch(/^ +bytes +operations +seconds +MB\/s +operations\/s$/);
    expect(client.lines[1]).toMatch(/^ +64 +\d+ +1\.\d+ +\d+\.\d\d +\d+$/);
    client.kill('SIGINT');
    expect((await client.ended).status).toBe(130);
  });

  test('say that somebody else answers', async () => {
    const address = freshAddress();
    const other = ibcm('listen', `${address}:7175`, '--count', '1');
    await other.line(/\blistening\b/);
    const client = ibcm('perf', 'send', address);
    await other.line(/ established /);
    other.kill('SIGINT');
    const { status, stderr } = await client.ended;
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'ibcm: whoever answers there is no ibcm serve-perf\n' });
  });

  test.each([
    [['perf', 'think', '127.0.0.1'], /Allowed choices are send, write, read, atomic/],
    [['perf', 'send', '127.0.0.1', '--mtu', '1500'], /must be one of 256, 512, 1024, 2048, 4096/],
    [['perf', 'write', '127.0.0.1', '--size', '0'], /size/i],
    [['serve-perf'], /missing required argument/],
  ])('%j is wrong usage', async (args, message) => {
    const { status, stderr } = await run(...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  test('say how long a message can be', async () => {
    const address = freshAddress();
    const server = await serving(address);
    const { status, stderr } = await run('perf', 'send', address, '--size', '65537');
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'ibcm: a message has at most 65536 bytes here\n' });
    server.kill('SIGINT');
    await server.ended;
  });
});
