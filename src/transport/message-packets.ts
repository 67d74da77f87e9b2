import {
  ATOMIC_ETH,
  ATOMIC_ETH_BYTES,
  IETH,
  IETH_BYTES,
  IMMEDIATE,
  IMMEDIATE_BYTES,
  opcodeOf,
  psnPlus,
  RETH,
  RETH_BYTES,
} from '../wire/index.js';
import type { QueuePairContext } from './context.js';
import type { OutgoingPacket } from './packet.js';
import { messageOpcode } from './packet-codes.js';
import { EXTRA, KIND, type SendEntry } from './send-queue.js';

const READ_REQUEST = opcodeOf('rc', 'rdmaReadRequest', 'only');
const COMPARE_AND_SWAP = opcodeOf('rc', 'compareAndSwap', 'only');
const FETCH_AND_ADD = opcodeOf('rc', 'fetchAndAdd', 'only');
const WORD = 2 ** 32;

/** Packets that a message of some bytes takes: one even if it has none. */
export const packetsOf = (length: number, mtu: number): number => (length === 0 ? 1 : Math.ceil(length / mtu));

/** Writes a RETH for the part of a request's memory that begins `offset` bytes into it. */
function writeReth(packet: OutgoingPacket, entry: SendEntry, offset: number, length: number): void {
  const at = packet.header(RETH_BYTES);
  const low = entry.remoteLow + offset;
  RETH.address.high.put(packet.bytes, at, low < WORD ? entry.remoteHigh : entry.remoteHigh + 1);
  RETH.address.low.put(packet.bytes, at, low % WORD);
  RETH.rKey.put(packet.bytes, at, entry.rkey);
  RETH.length.put(packet.bytes, at, length);
}

/**
 * Writes the packet with a number (from 0) of a connection's send or write.
 * @returns false if the memory is not there any more.
 */
export function writeMessagePacket(
  packet: OutgoingPacket,
  { pKey, mtu, destinationQpn, queuePair }: QueuePairContext,
  entry: SendEntry,
  number: number,
  ackRequest: boolean,
): boolean {
  const begins = number === 0;
  const ends = number === entry.packets - 1;
  const offset = number * mtu;
  const length = ends ? entry.length - offset : mtu;
  const service = queuePair.transport === 'uc' ? 'uc' : 'rc';
  const opcode = messageOpcode(service, entry.kind, entry.extra, begins, ends);
  const psn = psnPlus(entry.firstPsn, number);
  packet.writeBth(opcode, pKey, destinationQpn, psn, ackRequest, ends && entry.solicited);
  if (begins && entry.kind === KIND.WRITE) writeReth(packet, entry, 0, entry.length);
  if (ends && entry.extra === EXTRA.IMMEDIATE) {
    IMMEDIATE.data.put(packet.bytes, packet.header(IMMEDIATE_BYTES), entry.extraValue);
  } else if (ends && entry.extra === EXTRA.INVALIDATE) {
    IETH.rKey.put(packet.bytes, packet.header(IETH_BYTES), entry.extraValue);
  }
  if (!entry.gather(offset, packet.bytes, packet.end, length)) return false;
  packet.finishPayload(length);
  return true;
}

/** Asks for the packets of a read from `begin` to `end` (exclusive), counted from 0. */
export function writeReadRequest(
  packet: OutgoingPacket,
  { pKey, mtu, destinationQpn }: QueuePairContext,
  entry: SendEntry,
  begin: number,
  end: number,
): void {
  packet.writeBth(READ_REQUEST, pKey, destinationQpn, psnPlus(entry.firstPsn, begin), true, false);
  writeReth(packet, entry, begin * mtu, Math.min(entry.length, end * mtu) - begin * mtu);
}

/** Asks for an atomic operation. */
export function writeAtomicRequest(
  packet: OutgoingPacket,
  { pKey, destinationQpn }: QueuePairContext,
  entry: SendEntry,
): void {
  const opcode = entry.kind === KIND.COMPARE_AND_SWAP ? COMPARE_AND_SWAP : FETCH_AND_ADD;
  packet.writeBth(opcode, pKey, destinationQpn, entry.firstPsn, true, false);
  const at = packet.header(ATOMIC_ETH_BYTES);
  const { bytes } = packet;
  ATOMIC_ETH.address.high.put(bytes, at, entry.remoteHigh);
  ATOMIC_ETH.address.low.put(bytes, at, entry.remoteLow);
  ATOMIC_ETH.rKey.put(bytes, at, entry.rkey);
  ATOMIC_ETH.swapOrAdd.high.put(bytes, at, entry.operandHigh);
  ATOMIC_ETH.swapOrAdd.low.put(bytes, at, entry.operandLow);
  ATOMIC_ETH.compare.high.put(bytes, at, entry.compareHigh);
  ATOMIC_ETH.compare.low.put(bytes, at, entry.compareLow);
}
