import type { RemoteMemory } from '../endpoint/index.js';

/** What `ibcm serve-perf` and `ibcm perf` tell each other: the server's first message says where its memory is. */

/** In the TCP port space. */
export const PERF_PORT = 7_175;
/** The server's memory: each client has its own. */
export const PERF_BYTES_MAX = 2 ** 20;
/** The longest message: for each that a client may have under way, the server has room. */
export const PERF_SEND_BYTES_MAX = 2 ** 16;
export const PERF_DEPTH_MAX = 64;

const MAGIC = new TextEncoder().encode('ibcmperf');
const ADDRESS = MAGIC.length;
const RKEY = ADDRESS + 8;
const BYTES = RKEY + 4;

/** As a message. */
export function encodeMemory(address: number, rkey: number): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setBigUint64(ADDRESS, BigInt(address));
  view.setUint32(RKEY, rkey);
  return bytes;
}

/** From a message, if there was one. @throws Error if it is not a server's. */
export function decodeMemory(data: Uint8Array | undefined): RemoteMemory {
  if (data?.length !== BYTES || MAGIC.some((byte, index) => byte !== data[index]))
    throw new Error('whoever answers there is no ibcm serve-perf');
  const view = new DataView(data.buffer, data.byteOffset, BYTES);
  return { address: view.getBigUint64(ADDRESS), rkey: view.getUint32(RKEY) };
}
