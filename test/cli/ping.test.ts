import { describe, expect, test } from 'vitest';
import { eventsOf, freshAddress, ibcm, type Program, run, SHORT } from './program.js';

/** `ibcm serve-ping` and `ibcm ping`, two processes over loopback. */

const RPING_PORT = 7_174;

async function serving(address: string, ...args: readonly string[]): Promise<Program> {
  const program = ibcm('serve-ping', address, ...args);
  await program.line(/\blistening\b/);
  return program;
}

describe.concurrent('ping and serve-ping', () => {
  test('move data there and back, and say what each round took', async () => {
    const address = freshAddress();
    const server = await serving(address, '--count', '1', '--json');
    const client = await run('ping', address, '-C', '3', '-S', '65536', '--json');
    expect(client).toMatchObject({ status: 0, stderr: '' });
    const lines = eventsOf(client.lines);
    const replies = lines.filter(({ event }) => event === 'reply');
    expect(replies).toMatchObject([0, 1, 2].map((round) => ({ round, bytes: 65_536, ms: expect.any(Number) })));
    const pinged = lines.find(({ event }) => event === 'pinged');
    expect(pinged).toMatchObject({ rounds: 3, bytes: 65_536, minMs: expect.any(Number), medianMs: expect.any(Number) });
    const { status, lines: served } = await server.ended;
    expect(status).toBe(0);
    expect(eventsOf(served).filter(({ event }) => event === 'echoed')).toHaveLength(3);
    expect(eventsOf(served).find(({ event }) => event === 'served')).toMatchObject({ rounds: 3 });
  });

  test('move data when both look for it all the time', async () => {
    const address = freshAddress();
    const server = await serving(address, '--count', '1', '--busy-poll');
    const client = await run('ping', address, '-C', '3', '--busy-poll');
    expect(client).toMatchObject({ status: 0, stderr: '' });
    expect((await server.ended).status).toBe(0);
  });

  test('are as quiet as one wants, with lines for people', async () => {
    const address = freshAddress();
    const server = await serving(address, '--count', '1', '--quiet');
    const client = await run('ping', `${address}:${RPING_PORT}`, '--quiet', '--count', '20');
    expect(client).toMatchObject({ status: 0, stderr: '' });
    expect(client.lines.filter((line) => / reply /.test(line))).toEqual([]);
    expect(client.lines.find((line) => / pinged /.test(line))).toMatch(/ rounds=20 {2}bytes=64 {2}minMs=[\d.]+ /);
    expect((await server.ended).lines.some((line) => / echoed /.test(line))).toBe(false);
  });

  test('end on Ctrl-C, with what was done until then', async () => {
    const address = freshAddress();
    const server = await serving(address);
    const client = ibcm('ping', address, '--count', '0', '--interval-ms', '20');
    await client.line(/ reply .* round=1 /);
    client.kill('SIGINT');
    const { status, lines } = await client.ended;
    expect(status).toBe(130);
    expect(lines.find((line) => / pinged /.test(line))).toMatch(/ rounds=([2-9]|\d\d+) /);
    await server.line(/ served /);
    server.kill('SIGINT');
    expect((await server.ended).status).toBe(130);
  });

  test('say why a round failed, with status 1', async () => {
    const address = freshAddress();
    const listener = ibcm('listen', `${address}:${RPING_PORT}`);
    await listener.line(/\blistening\b/);
    // It accepts, and never answers: its process is killed.
    const client = ibcm('ping', address, '--count', '1', '--quiet');
    await client.line(/ established /);
    listener.kill('SIGKILL');
    const { status, stderr, lines } = await client.ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ibcm: .*\n$/);
    expect(lines.find((line) => / pinged /.test(line))).toMatch(/ rounds=0 /);
  });

  test('say that nobody is there', async () => {
    const silent = await run('ping', freshAddress(), ...SHORT);
    expect(silent.status).toBe(1);
    expect(silent.stderr).toMatch(/ did not answer: asked /);
  });

  test.each([
    [['ping', '127.0.0.1', '-S', '31'], /32 to 65536|from 32/],
    [['ping', '127.0.0.1', '-C', '-1'], /count/i],
    [['serve-ping'], /missing required argument/],
  ])('%j is wrong usage', async (args, message) => {
    const { status, stderr } = await run(...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});
