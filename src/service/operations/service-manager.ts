import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';

/** How a daemon talks with systemd, or with whatever speaks its protocol (sd_notify(3), sd_listen_fds(3)). */

/** Linux's numbers (sys/socket.h). */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** `struct sockaddr_un`: the family and at most 108 bytes of path. */
const FAMILY_BYTES = 2;
const PATH_BYTES_MAX = 108;
/** The first descriptor that is handed over. */
const LISTEN_FDS_START = 3;
const FDS_MAX = 1_024;

/** What the service tells its manager. */
export interface ServiceNotice {
  /** `ready` after start and after each reload; `stopping`; `reloading`; `watchdog`: alive. */
  readonly state?: 'ready' | 'stopping' | 'reloading' | 'watchdog';
  /** One line for people. */
  readonly status?: string;
}

/** Sends a datagram to a Unix socket. @throws an error with the system's name for why. */
export type SendDatagram = (address: Uint8Array, bytes: Uint8Array) => void;

/** Tells the service manager how the service is; says nothing where there is none. */
export class ServiceManager {
  /** How often the manager wants a sign of life, in milliseconds; undefined if it does not. Tell it twice as often. */
  readonly watchdogMs: number | undefined;
  readonly #address: Uint8Array | undefined;
  readonly #send: SendDatagram | undefined;
  readonly #onFailure: (message: string) => void;
  readonly #monotonicUs: () => bigint;

  /**
   * @param environment `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are read.
   * @param onFailure told when the manager cannot be: nothing else comes of it.
   */
  constructor(
    environment: NodeJS.ProcessEnv,
    onFailure: (message: string) => void,
    load: () => SendDatagram | string = loadSendDatagram,
    monotonicUs: () => bigint = () => process.hrtime.bigint() / 1_000n,
  ) {
    this.#onFailure = onFailure;
    this.#monotonicUs = monotonicUs;
    this.watchdogMs = watchdogOf(environment);
    const path = environment['NOTIFY_SOCKET'];
    if (path === undefined || path === '') return;
    const address = addressOf(path);
    const send = load();
    if (address === undefined) onFailure(`NOTIFY_SOCKET is ${path}: only Unix sockets are known`);
    else if (typeof send === 'string') onFailure(`the service manager cannot be told: ${send}`);
    else [this.#address, this.#send] = [address, send];
  }

  /** Whether anybody listens. */
  get isPresent(): boolean {
    return this.#address !== undefined;
  }

  /** Tells it. Does not throw. */
  notify({ state, status }: ServiceNotice): void {
    if (this.#address === undefined || this.#send === undefined) return;
    const lines: string[] = [];
    if (state !== undefined) lines.push(state === 'watchdog' ? 'WATCHDOG=1' : `${state.toUpperCase()}=1`);
    // So that the manager can tell which of several reloads has ended.
    if (state === 'reloading') lines.push(`MONOTONIC_USEC=${this.#monotonicUs()}`);
    if (status !== undefined) lines.push(`STATUS=${status.replaceAll('\n', ' ')}`);
    try {
      this.#send(this.#address, new TextEncoder().encode(lines.join('\n')));
    } catch (error) {
      this.#onFailure(`the service manager cannot be told: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function watchdogOf({ WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid }: NodeJS.ProcessEnv): number | undefined {
  if (microseconds === undefined || !/^[1-9]\d*$/.test(microseconds)) return undefined;
  return isForUs(pid) ? Number(microseconds) / 1_000 : undefined;
}

/** What is meant for another process of the same environment is not for us. */
const isForUs = (pid: string | undefined): boolean => pid === undefined || pid === '' || pid === String(process.pid);

/** `struct sockaddr_un` of a path, or of an abstract name, which begins with @. */
function addressOf(path: string): Uint8Array | undefined {
  if (!/^[/@]/.test(path)) return undefined;
  const name = new TextEncoder().encode(path);
  if (name.length > PATH_BYTES_MAX - 1) return undefined;
  const isAbstract = path.startsWith('@');
  const address = new Uint8Array(FAMILY_BYTES + name.length + (isAbstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, FAMILY_BYTES);
  if (isAbstract) address[FAMILY_BYTES] = 0;
  return address;
}

const loadKoffi = (): typeof import('koffi') => createRequire(import.meta.url)('koffi') as typeof import('koffi');

/** What sends, by way of the C library, since Node knows no Unix datagrams; or why that cannot be had. */
export function loadSendDatagram(load: () => typeof import('koffi') = loadKoffi): SendDatagram | string {
  try {
    const koffi = load();
    const libc = koffi.load(null);
    const socket = libc.func('int socket(int family, int type, int protocol)') as Call;
    const close = libc.func('int close(int fd)') as Call;
    const sendto = libc.func(
      'intptr_t sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t addressLength)',
    ) as Call;
    const checked = (call: string, result: number): number => {
      if (result < 0) throw new Error(`${call} ${getSystemErrorName(-koffi.errno())}`);
      return result;
    };
    return (address, bytes) => {
      const descriptor = checked('socket', socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      try {
        checked('sendto', sendto(descriptor, bytes, bytes.length, MSG_NOSIGNAL, address, address.length));
      } finally {
        close(descriptor);
      }
    };
  } catch (error) {
    return `koffi does not load: ${error instanceof Error ? error.message : String(error)}`;
  }
}

type Call = (...args: readonly unknown[]) => number;

/** The descriptors of listening sockets that the service manager has handed over; none if there are none for this process. */
export function inheritedSockets({ LISTEN_FDS: count, LISTEN_PID: pid }: NodeJS.ProcessEnv): readonly number[] {
  if (count === undefined || pid !== String(process.pid) || !/^\d{1,4}$/.test(count)) return [];
  return Array.from({ length: Math.min(Number(count), FDS_MAX) }, (_, index) => LISTEN_FDS_START + index);
}
