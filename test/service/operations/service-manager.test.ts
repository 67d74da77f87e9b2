import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  inheritedSockets,
  type SendDatagram,
  ServiceManager,
} from '../../../src/service/operations/service-manager.js';
import { freshFolder } from './fixture.js';

/** What a service manager is told, and what it hands over. */

function told(environment: NodeJS.ProcessEnv): {
  manager: ServiceManager;
  sent: { address: Uint8Array; text: string }[];
  problems: string[];
} {
  const sent: { address: Uint8Array; text: string }[] = [];
  const problems: string[] = [];
  const send: SendDatagram = (address, bytes) => sent.push({ address, text: new TextDecoder().decode(bytes) });
  const manager = new ServiceManager(
    environment,
    (problem) => problems.push(problem),
    () => send,
    () => 123_456n,
  );
  return { manager, sent, problems };
}

describe('a service manager', () => {
  test('is told nothing where there is none', () => {
    const { manager, sent, problems } = told({});
    manager.notify({ state: 'ready' });
    expect({ isPresent: manager.isPresent, sent, problems }).toEqual({ isPresent: false, sent: [], problems: [] });
  });

  test('is told in its own words', () => {
    const { manager, sent } = told({ NOTIFY_SOCKET: '/run/notify' });
    manager.notify({ state: 'ready', status: 'serving\nnow' });
    manager.notify({ state: 'reloading' });
    manager.notify({ state: 'watchdog' });
    manager.notify({ state: 'stopping' });
    manager.notify({ status: '3 clients' });
    expect(sent.map(({ text }) => text)).toEqual([
      'READY=1\nSTATUS=serving now',
      'RELOADING=1\nMONOTONIC_USEC=123456',
      'WATCHDOG=1',
      'STOPPING=1',
      'STATUS=3 clients',
    ]);
  });

  test.each([
    ['/run/a', [1, 0, ...Buffer.from('/run/a'), 0]],
    ['@abc', [1, 0, 0, ...Buffer.from('abc')]],
  ])('is reached at %s', (path, address) => {
    const { manager, sent } = told({ NOTIFY_SOCKET: path });
    manager.notify({ state: 'ready' });
    expect([...(sent[0]?.address ?? [])]).toEqual(address);
  });

  test.each(['vsock:2:1234', `/${'x'.repeat(108)}`])('is not reached at %s, and that is said', (path) => {
    const { manager, sent, problems } = told({ NOTIFY_SOCKET: path });
    manager.notify({ state: 'ready' });
    expect(sent).toEqual([]);
    expect(problems).toEqual([expect.stringContaining(path)]);
  });

  test('that cannot be told harms nothing', () => {
    const problems: string[] = [];
    const fail = (): never => {
      throw new Error('sendto ECONNREFUSED');
    };
    const environment = { NOTIFY_SOCKET: '/run/notify' };
    const manager = new ServiceManager(
      environment,
      (problem) => problems.push(problem),
      () => fail,
    );
    manager.notify({ state: 'ready' });
    const without = new ServiceManager(
      environment,
      (problem) => problems.push(problem),
      () => 'no koffi',
    );
    without.notify({ state: 'ready' });
    expect(problems).toEqual([
      'the service manager cannot be told: sendto ECONNREFUSED',
      'the service manager cannot be told: no koffi',
    ]);
  });

  test.each([
    [{}, undefined],
    [{ WATCHDOG_USEC: '30000000' }, 30_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.pid) }, 30_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, undefined],
    [{ WATCHDOG_USEC: '0' }, undefined],
    [{ WATCHDOG_USEC: 'soon' }, undefined],
  ])('with %j wants a sign of life every %s ms', (environment, watchdogMs) => {
    expect(told(environment).manager.watchdogMs).toBe(watchdogMs);
  });
});

describe('sockets that are handed over', () => {
  const pid = String(process.pid);
  test.each([
    [{}, []],
    [{ LISTEN_FDS: '1', LISTEN_PID: pid }, [3]],
    [{ LISTEN_FDS: '2', LISTEN_PID: pid }, [3, 4]],
    [{ LISTEN_FDS: '1' }, []],
    [{ LISTEN_FDS: '1', LISTEN_PID: '1' }, []],
    [{ LISTEN_FDS: 'x', LISTEN_PID: pid }, []],
  ])('of %j are %j', (environment, descriptors) => {
    expect(inheritedSockets(environment)).toEqual(descriptors);
  });
});

/** A Unix datagram socket, as a service manager has one. Node knows none. */
function listening(address: Uint8Array): () => string | undefined {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load(null);
  const call = (prototype: string): ((...args: unknown[]) => number) => libc.func(prototype) as never;
  const AF_UNIX = 1;
  const DGRAM_NONBLOCK = 2 | 0o4000;
  const descriptor = call('int socket(int family, int type, int protocol)')(AF_UNIX, DGRAM_NONBLOCK, 0);
  const bind = call('int bind(int fd, const uint8_t *address, uint32_t length)');
  expect(bind(descriptor, address, address.length)).toBe(0);
  const close = call('int close(int fd)');
  onTestFinished(() => void close(descriptor));
  const recv = call('intptr_t recv(int fd, uint8_t *bytes, size_t length, int flags)');
  return () => {
    const bytes = new Uint8Array(512);
    const length = Number(recv(descriptor, bytes, bytes.length, 0));
    return length < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, length));
  };
}

describe.skipIf(process.platform !== 'linux')('a real socket', () => {
  test.each([
    ['in a folder', () => join(freshFolder(), 'notify')],
    ['of an abstract name', () => `@ibcm-test-${process.pid}`],
  ])('%s gets what is sent', (_, where) => {
    const path = where();
    const name = Buffer.from(path);
    const isAbstract = path.startsWith('@');
    if (isAbstract) name[0] = 0;
    const next = listening(Uint8Array.from([1, 0, ...name, ...(isAbstract ? [] : [0])]));
    const problems: string[] = [];
    const manager = new ServiceManager({ NOTIFY_SOCKET: path }, (problem) => problems.push(problem));
    expect(next()).toBeUndefined();
    manager.notify({ state: 'reloading', status: 'x' });
    expect(next()).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=x$/);
    expect(problems).toEqual([]);
  });

  test('that is not there is said not to be', () => {
    const problems: string[] = [];
    new ServiceManager({ NOTIFY_SOCKET: '/nowhere/notify' }, (problem) => problems.push(problem)).notify({
      state: 'ready',
    });
    expect(problems).toEqual(['the service manager cannot be told: sendto ENOENT']);
  });
});
