import zlib from 'node:zlib';
import type { Crc32 } from 'ibcm/wire';

/** zlib's CRC-32, which is C; early releases of Node 22 do not have it. */
export const { crc32: platformCrc } = zlib as { readonly crc32?: Crc32 };
