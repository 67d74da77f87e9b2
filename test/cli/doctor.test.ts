import { describe, expect, test } from 'vitest';
import { checkMachine } from '../../src/cli/doctor/checks.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import type { Machine } from '../../src/cli/doctor/machine.js';
import { eventsOf, freshAddress, ibcm, run } from './program.js';
import { ServiceProcess } from './service-process.js';

/** A machine that has what the test says, on which nothing is wrong otherwise. */
function machineWith({
  files = {},
  folders = {},
  links = {},
  ...rest
}: Partial<Machine> & {
  files?: Record<string, string>;
  folders?: Record<string, readonly string[]>;
  links?: Record<string, string>;
} = {}): Machine {
  const all: Record<string, string> = {
    '/proc/sys/net/core/rmem_max': '4194304\n',
    '/proc/sys/net/core/wmem_max': '4194304\n',
    '/sys/class/net/eth0/mtu': '1500\n',
    '/proc/modules': 'xt_conntrack 16384 1 - Live 0x0\n',
    ...files,
  };
  return {
    platform: 'linux',
    sockets: { noIdentification: undefined, notBatched: undefined, segmentation: true },
    addresses: [
      { name: 'lo', address: '127.0.0.1', isLoopback: true },
      { name: 'eth0', address: '192.0.2.5', isLoopback: false },
      { name: 'eth0', address: 'fe80::1', isLoopback: false },
    ],
    services: [],
    read: (path) => all[path],
    list: (path) => folders[path] ?? [],
    link: (path) => links[path],
    ...rest,
  };
}

const of = (findings: readonly Finding[], check: string): Finding[] => findings.filter((each) => each.check === check);
const udp = (address: string, inode: number): string =>
  `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  101: ${address} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0000000000000000 0
  102: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0000000000000000 0
`;

describe('The doctor', () => {
  test('finds nothing wrong where nothing is', () => {
    const findings = checkMachine(machineWith());
    expect(findings.map(({ check, level }) => `${check} ${level}`)).toEqual([
      'address ok',
      'port ok',
      'soft-roce ok',
      'icrc ok',
      'ipv6-checksum ok',
      'sockets ok',
      'segmentation ok',
      'mtu ok',
      'buffers ok',
      'buffers ok',
    ]);
    expect(of(findings, 'address')[0]?.message).toBe('peers can reach 192.0.2.5 (eth0)');
    expect(of(findings, 'mtu')[0]?.message).toBe('192.0.2.5 (eth0): an MTU of 1500 carries a path MTU of 1024');
  });

  test('says which process has the port, of which address', () => {
    const machine = machineWith({
      files: { '/proc/net/udp': udp('050200C0:12B7', 4_711), '/proc/77/comm': 'rxe-tool\n' },
      folders: { '/proc': ['1', '77', 'self'], '/proc/77/fd': ['0', '5'] },
      links: { '/proc/77/fd/0': '/dev/null', '/proc/77/fd/5': 'socket:[4711]' },
    });
    const message = 'UDP port 4791 of 192.0.2.5 is used by process 77 (rxe-tool)';
    const advice = 'open adapters on other addresses than 192.0.2.5';
    expect(of(checkMachine(machine), 'port')).toEqual([{ check: 'port', level: 'warning', message, advice }]);
    expect(of(checkMachine(machine, '192.0.2.5'), 'port')).toEqual([
      {
        check: 'port',
        level: 'error',
        message,
        advice: 'end process 77 (rxe-tool), or have it use one address instead of all',
      },
    ]);
    expect(of(checkMachine(machine, '127.0.0.1'), 'port')).toMatchObject([{ level: 'warning' }]);
  });

  test('leaves a running service its port', () => {
    const machine = machineWith({
      files: { '/proc/net/udp': udp('050200C0:12B7', 4_711) },
      services: [{ socket: '/run/ibcm/ibcm.sock', pid: 77, addresses: ['192.0.2.5'] }],
    });
    const message = "UDP port 4791 of 192.0.2.5 is the service's on /run/ibcm/ibcm.sock (process 77)";
    for (const wanted of [undefined, '192.0.2.5']) {
      expect(of(checkMachine(machine, wanted), 'port')).toEqual([{ check: 'port', level: 'ok', message }]);
    }
  });

  test.each([
    ['IPv4', '/proc/net/udp', '00000000:12B7', 'all addresses', 'error'],
    ['IPv6', '/proc/net/udp6', '00000000000000000000000000000000:12B7', 'all addresses', 'error'],
    ['IPv6', '/proc/net/udp6', 'B80D0120000000000000000005000000:12B7', '2001:db8::5', 'warning'],
  ])('says that the kernel has the port over %s, %s %s', (_, file, address, of_, level) => {
    const [finding] = of(checkMachine(machineWith({ files: { [file]: udp(address, 5) } })), 'port');
    expect(finding).toMatchObject({
      level,
      message: `UDP port 4791 of ${of_} is used by the kernel, or a process that you may not see`,
    });
    if (level === 'error') expect(finding?.advice).toContain('rdma link');
  });

  test('knows soft-RoCE, with devices and without', () => {
    const folders = { '/sys/class/infiniband': ['mlx5_0', 'rxe0'] };
    expect(of(checkMachine(machineWith({ folders })), 'soft-roce')).toMatchObject([
      { level: 'warning', advice: 'use other addresses, or remove it: rdma link delete rxe0' },
    ]);
    const files = { '/proc/modules': 'ib_core 1 2 - Live 0x0\nrdma_rxe 204800 0 - Live 0x0\n' };
    expect(of(checkMachine(machineWith({ files })), 'soft-roce')).toMatchObject([
      { level: 'ok', message: "the kernel's soft-RoCE is loaded, and has no device" },
    ]);
  });

  test('says what is slower or wrong without koffi, on other processors, and with an old kernel', () => {
    const levels = (machine: Machine): string[] =>
      checkMachine(machine)
        .filter(({ level }) => level !== 'ok')
        .map(({ check, level }) => `${check} ${level}`);
    const none = { noIdentification: 'no koffi', notBatched: 'no koffi', segmentation: false };
    expect(levels(machineWith({ sockets: none }))).toEqual([
      'icrc warning',
      'ipv6-checksum warning',
      'sockets warning',
    ]);
    const slow = { noIdentification: undefined, notBatched: 'structures are not known on s390x', segmentation: false };
    expect(levels(machineWith({ sockets: slow }))).toEqual(['sockets warning']);
    const old = { noIdentification: undefined, notBatched: undefined, segmentation: false };
    expect(levels(machineWith({ sockets: old }))).toEqual(['segmentation warning']);
    const mac = { platform: 'darwin', sockets: none };
    expect(levels(machineWith(mac))).toEqual(['icrc warning', 'ipv6-checksum warning', 'sockets warning']);
  });

  test.each([
    ['9000', 'ok', 4096],
    ['1500', 'ok', 1024],
    ['1000', 'warning', 512],
    ['300', 'error', undefined],
  ])('with an MTU of %s says %s: a path MTU of %s', (mtu, level, fits) => {
    const [finding] = of(checkMachine(machineWith({ files: { '/sys/class/net/eth0/mtu': mtu } })), 'mtu');
    expect(finding?.level).toBe(level);
    expect(finding?.message).toContain(fits === undefined ? 'no path MTU at all' : `a path MTU of ${fits}`);
  });

  test('wants buffers for bursts', () => {
    const files = { '/proc/sys/net/core/rmem_max': '212992\n' };
    expect(of(checkMachine(machineWith({ files })), 'buffers')).toMatchObject([
      { level: 'warning', advice: 'sysctl -w net.core.rmem_max=4194304' },
      { level: 'ok' },
    ]);
  });

  test('knows addresses in all their forms, and says when there are none but loopback, or not this one', () => {
    const level = (wanted?: string, machine = machineWith()): string | undefined =>
      of(checkMachine(machine, wanted), 'address')[0]?.level;
    expect(level('::ffff:192.0.2.5')).toBe('ok');
    expect(level('127.9.9.9')).toBe('ok');
    expect(level('192.0.2.6')).toBe('error');
    const lonely = machineWith({ addresses: [{ name: 'lo', address: '127.0.0.1', isLoopback: true }] });
    expect(level(undefined, lonely)).toBe('warning');
  });
});

describe.concurrent('ibcm doctor', () => {
  test('connects an address to itself, and is content', async () => {
    const address = freshAddress();
    const { status, lines, stderr } = await run('doctor', address, '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const findings = lines.map((line) => JSON.parse(line) as Finding);
    expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
    expect(findings.at(-1)).toMatchObject({
      check: 'self-connect',
      level: 'ok',
      message: expect.stringMatching(new RegExp(`^${address} connects to itself in \\d+ µs over `)),
    });
  });

  test('says in words what to do when the address is in use, with status 1', async () => {
    const address = freshAddress();
    const listener = ibcm('listen', `${address}:7471`, '--json');
    await listener.line(/listening/);
    const { status, lines } = await run('doctor', address);
    listener.kill('SIGINT');
    expect(eventsOf((await listener.ended).lines).length).toBeGreaterThan(0);
    expect(status).toBe(1);
    const wrong = lines.findIndex((line) => /^error +port /.test(line));
    expect(lines[wrong]).toMatch(/UDP port 4791 of 127\.[\d.]+ is used by process \d+ /);
    expect(lines[wrong + 1]).toMatch(/^ +→ end process \d+ /);
    expect(lines.some((line) => /^error +self-connect +connecting to oneself fails: UDP port 4791 /.test(line))).toBe(
      true,
    );
  });

  test('is content with an address that a service has', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const { lines, status } = await service.run('doctor', address);
    expect({ status, lines: lines.filter((line) => /^error/.test(line)) }).toEqual({ status: 0, lines: [] });
    await service.stop();
  });

  test('of a name that has no address says so', async () => {
    const { status, stderr } = await run('doctor', 'no-such-host.invalid');
    expect(status).toBe(1);
    expect(stderr).toContain('"no-such-host.invalid" has no address');
  });
});
