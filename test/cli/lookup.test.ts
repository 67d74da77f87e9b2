import { describe, expect, test } from 'vitest';
import { eventsOf, freshAddress, ibcm, type Line, next, PORT, type Program, run, SHORT } from './program.js';

/** `ibcm serve-lookup` and `ibcm lookup`, two processes over loopback. */

async function serving(address: string, ...args: readonly string[]): Promise<Program> {
  const program = ibcm('serve-lookup', `${address}:${PORT}`, ...args);
  await program.line(/\blistening\b/);
  return program;
}

describe.concurrent('serve and lookup', () => {
  test('tell where datagrams go, as lines for people', async () => {
    const address = freshAddress();
    const server = await serving(address, '--count', '1', '--qpn', '0x1234', '--q-key', '0x80010203');
    const client = await run('lookup', `${address}:${PORT}`, '--private-data', 'hello');
    expect(client).toMatchObject({ status: 0, stderr: '' });
    expect(client.lines[0]).toMatch(/ sidr_rep_received .* status=0 {2}statusName=valid {2}qpn=0x001234 /);
    expect(client.lines[1]).toMatch(
      new RegExp(` found +address=${address}:${PORT} {2}qpn=0x001234 {2}qKey=0x80010203$`),
    );
    const { status, lines } = await server.ended;
    expect(status).toBe(0);
    expect(lines[1]).toMatch(new RegExp(` sidr_req_received .* remote=${next(address)}:\\d+ .* privateData="hello"$`));
  });

  test('print JSON with --json', async () => {
    const address = freshAddress();
    const server = await serving(address, '--count', '1', '--json', '--private-data', '0x0102');
    const client = await run('lookup', `${address}:${PORT}`, '--json');
    const [answer, found] = eventsOf(client.lines) as [Line, Line];
    const [, question] = eventsOf((await server.ended).lines) as [Line, Line];
    expect(question).toMatchObject({
      event: 'sidr_req_received',
      remoteAddress: next(address),
      serviceId: '0x0000000001111d2f',
      pKey: 0xffff,
    });
    expect(answer).toMatchObject({ event: 'sidr_rep_received', status: 0, statusName: 'valid', qKey: 0x0123_4567 });
    expect(found).toMatchObject({ event: 'found', address, port: PORT, qpn: answer['qpn'], qKey: 0x0123_4567 });
    expect(found['privateData']).toBe('0102'.padEnd(272, '0'));
  });

  test('say who refused and why, with status 1', async () => {
    const address = freshAddress();
    const server = await serving(address, '--count', '1', '--reject', 'no-qp');
    const client = await run('lookup', `${address}:${PORT}`);
    expect(client).toMatchObject({
      status: 1,
      stderr: `ibcm: ${address}:${PORT} rejected the look-up: noQp (3): the service has no queue pair\n`,
    });
    expect((await server.ended).status).toBe(0);
  });

  test('say that nobody answers, and that nothing serves there', async () => {
    const address = freshAddress();
    const silent = await run('lookup', `${address}:${PORT}`, ...SHORT);
    expect(silent.status).toBe(1);
    expect(silent.stderr).toMatch(/ did not answer: asked \d( times|nce)? /);
    const listener = ibcm('listen', `${address}:${PORT}`);
    await listener.line(/\blistening\b/);
    const refused = await run('lookup', `${address}:${PORT}`);
    expect(refused.stderr).toContain('serviceIdUnsupported (1): nothing serves datagrams on that port there');
    listener.kill('SIGINT');
    expect((await listener.ended).status).toBe(130);
  });

  test('end on Ctrl-C', async () => {
    const address = freshAddress();
    const server = await serving(address);
    server.kill('SIGINT');
    expect(await server.ended).toMatchObject({ status: 130, stderr: '' });
  });

  test.each([
    ['serve-lookup', '--reject', 'valid'],
    ['serve-lookup', '--reject', '0'],
    ['serve-lookup', '--q-key', '0x100000000'],
    ['serve-lookup', '--private-data', `0x${'00'.repeat(137)}`],
    ['lookup', '--private-data', `0x${'00'.repeat(181)}`],
  ])('%s refuses %s %s with status 2', async (command, option, value) => {
    const { status, stderr } = await run(command, '127.0.0.1:7471', option, value);
    expect(status).toBe(2);
    expect(stderr).toMatch(new RegExp(`^ibcm: option '${option} .*\\n$`));
  });
});
