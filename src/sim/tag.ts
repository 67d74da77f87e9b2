import { EXTRA_AT } from './services.js';
import type { AnySide } from './side.js';

/** What messages carry as private data, to say which attempt and which try they belong to: what arrives must belong to it. */
export const TAG_BYTES = EXTRA_AT + 1;

/** The side's tag, behind it the request's own byte. Valid until the next one. */
export function tagOf({ attempt, round, consumer }: Pick<AnySide, 'attempt' | 'round' | 'consumer'>): Uint8Array {
  const { tag } = consumer.world;
  for (let i = 0; i < 4; i += 1) {
    tag[i] = attempt.number >>> (24 - 8 * i);
    tag[4 + i] = round >>> (24 - 8 * i);
  }
  tag[EXTRA_AT] = attempt.script.extra;
  return tag;
}

/** The attempt's number in a message. @param at where its private data begins. */
export function attemptIn(bytes: Uint8Array, at: number): number {
  return word(bytes, at);
}

/** Which try of it. */
export function roundIn(bytes: Uint8Array, at: number): number {
  return word(bytes, at + 4);
}

/** Whether a message belongs to the side's attempt and try. */
export function belongsTo(
  { attempt, round }: Pick<AnySide, 'attempt' | 'round'>,
  bytes: Uint8Array,
  at: number,
): boolean {
  return attemptIn(bytes, at) === attempt.number && roundIn(bytes, at) === round;
}

/** A queue pair that answers a crossing REQ by itself has nothing to say: its REP carries no private data. */
export function isFromQueuePair({ attempt, consumer }: AnySide, bytes: Uint8Array, at: number): boolean {
  if (attempt.script.kind !== 'peerToPeer' || consumer.world.settings.interface === 'cep') return false;
  return bytes.subarray(at, at + TAG_BYTES).every((octet) => octet === 0);
}

function word(bytes: Uint8Array, at: number): number {
  const octet = (i: number): number => bytes[at + i] as number;
  return ((octet(0) << 24) | (octet(1) << 16) | (octet(2) << 8) | octet(3)) >>> 0;
}
