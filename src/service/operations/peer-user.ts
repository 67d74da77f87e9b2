import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/** Which user's process has connected to a Unix socket, by number; undefined if that cannot be known. */
export type PeerUser = (socket: Socket) => number | undefined;

/** Linux's numbers (asm-generic/socket.h), and `struct ucred`: process, user, group. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const WORDS = 3;
const USER = 1;

const loadKoffi = (): typeof import('koffi') => createRequire(import.meta.url)('koffi') as typeof import('koffi');

/** What asks the system, by way of the C library, since Node does not tell; where that cannot be had, nothing is known of anybody. */
export function loadPeerUser(load: () => typeof import('koffi') = loadKoffi): PeerUser {
  if (process.platform !== 'linux') return () => undefined;
  let getsockopt: (...args: readonly unknown[]) => number;
  try {
    getsockopt = load()
      .load(null)
      .func('int getsockopt(int fd, int level, int option, _Out_ uint32_t *value, _Inout_ uint32_t *length)');
  } catch {
    return () => undefined;
  }
  return (socket) => {
    const descriptor = descriptorOf(socket);
    const credentials = new Uint32Array(WORDS);
    const length = Uint32Array.of(credentials.byteLength);
    if (descriptor === undefined || getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, length) < 0)
      return undefined;
    return credentials[USER];
  };
}

/** Node does not say, but its handles know. */
function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd;
}
