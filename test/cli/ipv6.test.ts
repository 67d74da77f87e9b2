import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsOf, IBCM, PORT, Program } from './program.js';

/** IPv6 has one loopback address; two ends need two, and so a network namespace in which they can be added. */
const NAMESPACE = `ibcm-test-${process.pid}`;
const SERVER = 'fd00:1bc::1';
const CLIENT = 'fd00:1bc::2';

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' });

const missing = ((): string | undefined => {
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    ip('netns', 'add', NAMESPACE);
    return undefined;
  } catch (error) {
    return `needs iproute2 and network namespaces: ${(error as Error).message.trim()}`;
  }
})();

const inNamespace = (...args: string[]): Program =>
  new Program('ip', ['netns', 'exec', NAMESPACE, process.execPath, IBCM, ...args]);

describe.skipIf(missing !== undefined)(`over IPv6${missing === undefined ? '' : ` (${missing})`}`, () => {
  beforeAll(() => {
    ip('-n', NAMESPACE, 'link', 'set', 'lo', 'up');
    for (const address of [SERVER, CLIENT]) ip('-n', NAMESPACE, 'addr', 'add', `${address}/128`, 'dev', 'lo', 'nodad');
  });
  afterAll(() => ip('netns', 'delete', NAMESPACE));

  test('listen and connect work; addresses stand in brackets before a port', async () => {
    const listener = inNamespace('listen', `[${SERVER}]:${PORT}`, '--count', '1', '--private-data', 'welcome');
    expect(await listener.line(/listening/)).toContain(`address=[${SERVER}]:${PORT}`);
    const client = await inNamespace('connect', `[${SERVER}]:${PORT}`, '--from', CLIENT, '--json').ended;
    expect(client).toMatchObject({ status: 0, stderr: '' });
    expect(eventsOf(client.lines)[1]).toMatchObject({
      event: 'established',
      localAddress: CLIENT,
      remoteAddress: SERVER,
      remotePort: PORT,
      privateData: expect.stringMatching(/^77656c636f6d650+$/),
    });
    expect((await listener.ended).status).toBe(0);
    expect(listener.lines.at(-1)).toMatch(new RegExp(`closed .*remote=\\[${CLIENT}\\]:\\d+ {2}cause=peer$`));
  });

  test('the demo works, with captures', async () => {
    const file = `/tmp/${NAMESPACE}.pcapng`;
    const demo = await inNamespace('demo', '--server', SERVER, '--client', CLIENT, '--capture', file).ended;
    expect(demo).toMatchObject({ status: 0, stderr: '' });
    const { lines } = await inNamespace('decode', '--json', file).ended;
    execFileSync('rm', [file]);
    expect(lines.map((line) => (JSON.parse(line) as { icrc: string }).icrc)).toEqual(Array(5).fill('ok'));
  });

  test('a listener on the only address of this machine that leads to the peer is named as the obstacle', async () => {
    await inNamespace('listen', `[::1]:${PORT}`).line(/listening/);
    const { status, stderr } = await inNamespace('connect', `[::1]:${PORT}`).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ibcm: ::1 is this machine, .* --from\n$/);
  });

  test.each([
    ['listen', `[fe80::1%lo]:${PORT}`],
    ['connect', `[fe80::1%lo]:${PORT}`],
    ['connect', `[${SERVER}]:${PORT}`, '--from', 'fe80::1%lo'],
  ])('%s %s with a zone is refused in one line that says why', async (...args) => {
    const { status, stderr } = await inNamespace(...args).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ibcm: fe80::1%lo is a link-local address: its zone does not fit into a GID, [^\n]+\n$/);
  });

  test('a peer to which there is no route', async () => {
    const { status, stderr } = await inNamespace('connect', `[fd00:dead::1]:${PORT}`).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ibcm: no route to fd00:dead::1: ENETUNREACH\n$/);
  });
});
