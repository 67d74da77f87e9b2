import { createHash } from 'node:crypto';
import type { CaGuid } from '../base/index.js';

/** EUI-64's bit "locally administered", and not a group. */
const LOCAL_BIT = 0x02;
const GROUP_BIT = 0x01;

/** A CA GUID for an address: always the same one, so that peers know the adapter again after a restart. */
export function caGuidOf(gid: Uint8Array): CaGuid {
  const digest = createHash('sha256').update('ibcm CA GUID').update(gid).digest();
  digest[0] = ((digest[0] as number) | LOCAL_BIT) & ~GROUP_BIT;
  return digest.readBigUInt64BE(0) as CaGuid;
}
