import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import { type LibC, loadNativeSockets, NativeSockets, type PollHandle } from '../../src/io/native-socket.js';

const EADDRINUSE = 98;
const EAFNOSUPPORT = 97;
const ENOPROTOOPT = 92;

/** A C library that notes what is called, and fails where it is told to. */
class FakeLibC implements LibC {
  readonly calls: unknown[][] = [];
  readonly open = new Set<number>();
  #errno = 0;
  readonly #fail: { call: string; errno: number } | undefined;

  constructor(fail?: { call: string; errno: number }) {
    this.#fail = fail;
  }

  socket(family: number, type: number, protocol: number): number {
    const result = this.#call('socket', family, type, protocol);
    if (result < 0) return result;
    this.open.add(42);
    return 42;
  }

  setsockopt(descriptor: number, level: number, option: number, value: Int32Array, length: number): number {
    return this.#call('setsockopt', descriptor, level, option, ...value, length);
  }

  bind(descriptor: number, address: Uint8Array, length: number): number {
    return this.#call('bind', descriptor, Buffer.from(address).toString('hex'), length);
  }

  close(descriptor: number): number {
    this.open.delete(descriptor);
    // Closing changes errno, as any call may.
    this.#errno = 0;
    return this.#call('close', descriptor);
  }

  sendmmsg(descriptor: number, messages: number, count: number, flags: number): number {
    return this.#call('sendmmsg', descriptor, messages, count, flags) < 0 ? -1 : count;
  }

  recvmmsg(): number {
    return -1;
  }

  addressOf(): number {
    return 0;
  }

  poll(): PollHandle {
    return { start: () => undefined, close: () => undefined };
  }

  errno(): number {
    return this.#errno;
  }

  #call(name: string, ...parameters: unknown[]): number {
    this.calls.push([name, ...parameters]);
    if (this.#fail?.call !== name) return 0;
    this.#errno = this.#fail.errno;
    return -1;
  }
}

const V4 = parseGid('127.0.0.5');
const V6 = parseGid('fd00::5');

describe('A native socket', () => {
  it('over IPv4 fixes the identification, is bound, and neither blocks nor outlives an exec', () => {
    const libc = new FakeLibC();
    expect(new NativeSockets(libc).open(V4, 4791)).toBe(42);
    expect(libc.calls).toEqual([
      ['socket', 2, 2 | 0o4000 | 0o2000000, 0],
      ['setsockopt', 42, 0, 10, 2, 4],
      // AF_INET in the machine's order; port and address in the network's.
      ['bind', 42, '020012b77f0000050000000000000000', 16],
    ]);
    expect([...libc.open]).toEqual([42]);
  });

  it('over IPv6 is for IPv6 only and takes datagrams without a checksum', () => {
    const libc = new FakeLibC();
    expect(new NativeSockets(libc).open(V6, 4791)).toBe(42);
    expect(libc.calls).toEqual([
      ['socket', 10, 2 | 0o4000 | 0o2000000, 0],
      ['setsockopt', 42, 41, 26, 1, 4],
      ['setsockopt', 42, 17, 102, 1, 4],
      ['bind', 42, `0a0012b700000000fd00${'00'.repeat(13)}0500000000`, 28],
    ]);
  });

  it.each([
    ['socket', EAFNOSUPPORT, 'EAFNOSUPPORT'],
    ['setsockopt', ENOPROTOOPT, 'ENOPROTOOPT'],
    ['bind', EADDRINUSE, 'EADDRINUSE'],
    ['bind', 0, 'UNKNOWN'],
    ['bind', 9_999, 'Unknown system error'],
  ])('whose %s fails with %i closes what it opened and says %s', (call, errno, code) => {
    const libc = new FakeLibC({ call, errno });
    expect(() => new NativeSockets(libc).open(V4, 4791)).toThrow(
      expect.objectContaining({ code: expect.stringContaining(code), message: expect.stringContaining(call) }),
    );
    expect([...libc.open]).toEqual([]);
  });

  it('sets the traffic class of its family', () => {
    const libc = new FakeLibC();
    const sockets = new NativeSockets(libc);
    sockets.setTrafficClass(42, V4, 0x68);
    sockets.setTrafficClass(42, V6, 0x68);
    sockets.close(42);
    expect(libc.calls).toEqual([
      ['setsockopt', 42, 0, 1, 0x68, 4],
      ['setsockopt', 42, 41, 67, 0x68, 4],
      ['close', 42],
    ]);
    expect(() => new NativeSockets(new FakeLibC({ call: 'setsockopt', errno: 9 })).setTrafficClass(1, V4, 1)).toThrow(
      'setsockopt EBADF',
    );
  });
});

describe.skipIf(process.platform !== 'linux')('Loading the C library', () => {
  it.each([
    ['an error', new Error("Cannot find module 'koffi'"), "koffi does not load: Cannot find module 'koffi'"],
    ['no error at all', 'nothing', 'koffi does not load: nothing'],
  ])('that fails with %s says why, for the warning', (_, thrown, words) => {
    expect(
      loadNativeSockets(() => {
        // What a loader throws is not ours to choose.
        throw thrown as Error;
      }),
    ).toBe(words);
  });

  it('works where koffi is', () => {
    const loaded = loadNativeSockets();
    if (typeof loaded === 'string') expect(loaded).toMatch(/^koffi does not load: /);
    else expect(loaded).toBeInstanceOf(NativeSockets);
  });
});
