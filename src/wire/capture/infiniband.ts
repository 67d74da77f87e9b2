import { GID_BYTES, type Gid } from '../../base/index.js';
import { checkPlace, type LocateResult, type UndecodablePacket, undecodable } from './transport-packet.js';

const LRH_BYTES = 8;
const GRH_BYTES = 40;
const GRH_VERSION = 6;
/** The GRH's next header when a BTH follows (IBTA 8.3.4). */
const NEXT_HEADER_IBA = 0x1b;
/** Link next header: what follows the LRH (IBTA 7.7.5). The other two values are raw packets. */
const LNH_LOCAL = 2;
const LNH_GLOBAL = 3;
/** The packet length of the LRH counts 4-byte words. */
const LENGTH_WORD_BYTES = 4;

/** A native InfiniBand packet from its LRH on (LINKTYPE_INFINIBAND). */
export function locateInfiniband(frame: DataView, offset: number): LocateResult {
  if (offset + LRH_BYTES > frame.byteLength) return undecodable('truncated', 'lrh', offset);
  if ((frame.getUint8(offset) & 0x0f) !== 0) return undecodable('version', 'lrh', offset);
  const linkNextHeader = frame.getUint8(offset + 1) & 0x03;
  if (linkNextHeader !== LNH_LOCAL && linkNextHeader !== LNH_GLOBAL) return undefined;
  // IBTA 7.7.7: from the first byte of the LRH to the last before the variant CRC.
  const end = offset + LENGTH_WORD_BYTES * (frame.getUint16(offset + 4) & 0x07ff);
  const route = {
    transport: 'infiniband',
    sourceLid: frame.getUint16(offset + 6),
    destinationLid: frame.getUint16(offset + 2),
    end,
  } as const;
  const afterLrh = offset + LRH_BYTES;
  if (linkNextHeader === LNH_LOCAL) {
    const header = { headerOffset: offset, headerLength: LRH_BYTES };
    const gids = { sourceGid: undefined, destinationGid: undefined };
    return checkPlace({ ...route, ...gids, ...header, bthOffset: afterLrh }, frame.byteLength);
  }
  const grh = readGrh(frame, afterLrh);
  if (grh === undefined || 'reason' in grh) return grh;
  if (grh.end !== end) return undecodable('length', 'grh', afterLrh);
  const header = { headerOffset: offset, headerLength: LRH_BYTES + GRH_BYTES };
  const { sourceGid, destinationGid } = grh;
  return checkPlace(
    { ...route, sourceGid, destinationGid, ...header, bthOffset: afterLrh + GRH_BYTES },
    frame.byteLength,
  );
}

/** A RoCE version 1 packet from its GRH on: the payload of its Ethernet type. */
export function locateRoceV1(frame: DataView, offset: number): LocateResult {
  const grh = readGrh(frame, offset);
  if (grh === undefined || 'reason' in grh) return grh;
  const header = { headerOffset: offset, headerLength: GRH_BYTES };
  return checkPlace({ transport: 'rocev1', ...grh, ...header, bthOffset: offset + GRH_BYTES }, frame.byteLength);
}

interface GlobalRoute {
  readonly sourceGid: Gid;
  readonly destinationGid: Gid;
  /** Where the payload that it states ends: just past the ICRC (IBTA 8.3.5). */
  readonly end: number;
}

/** The GRH at `offset` (IBTA 8.3); undefined if no BTH follows it. */
function readGrh(frame: DataView, offset: number): GlobalRoute | UndecodablePacket | undefined {
  if (offset + GRH_BYTES > frame.byteLength) return undecodable('truncated', 'grh', offset);
  if (frame.getUint8(offset) >> 4 !== GRH_VERSION) return undecodable('version', 'grh', offset);
  if (frame.getUint8(offset + 6) !== NEXT_HEADER_IBA) return undefined;
  return {
    sourceGid: copyGid(frame, offset + 8),
    destinationGid: copyGid(frame, offset + 24),
    end: offset + GRH_BYTES + frame.getUint16(offset + 4),
  };
}

/** A copy of the 16 bytes at `offset`. */
export function copyGid(frame: DataView, offset: number): Gid {
  const gid = new Uint8Array(GID_BYTES);
  for (let i = 0; i < GID_BYTES; i += 1) gid[i] = frame.getUint8(offset + i);
  return gid as Gid;
}
