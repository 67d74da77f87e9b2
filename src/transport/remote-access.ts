import { RETH } from '../wire/index.js';
import type { QueuePairContext } from './context.js';
import type { MemoryRegion } from './memory-region.js';
import type { IncomingPacket } from './packet.js';

/** The address in a RETH or AtomicETH, which both begin with it. From 2⁵³ on it is not exact, but no region reaches there. @internal */
export function remoteAddress({ bytes, headers }: IncomingPacket): number {
  return RETH.address.high.get(bytes, headers) * 2 ** 32 + RETH.address.low.get(bytes, headers);
}

/**
 * The memory that a request of the peer's names, if the peer may do that there (IBTA 10.6.3): the queue pair and the region allow it, they are of
 * the same protection domain, and all of it is within the region.
 * @param right one bit of `ACCESS`. @internal
 */
export function accessRemote(
  { layer, domain, accessFlags }: QueuePairContext,
  packet: IncomingPacket,
  rKey: number,
  length: number,
  right: number,
): MemoryRegion | undefined {
  const region = layer.memory.find(rKey);
  if (region === undefined || region.domain !== domain || (region.access & accessFlags & right) === 0) return undefined;
  return region.offsetOf(remoteAddress(packet), length) < 0 ? undefined : region;
}
