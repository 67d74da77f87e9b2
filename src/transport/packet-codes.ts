import { OPCODES, opcodeOf } from '../wire/index.js';
import { EXTRA, KIND } from './send-queue.js';

/** What a packet is, as numbers that need no look-up. @internal */
export const PACKET = {
  NONE: 0,
  SEND: 1,
  WRITE: 2,
  READ: 3,
  ATOMIC: 4,
  ACKNOWLEDGE: 5,
  READ_RESPONSE: 6,
  ATOMIC_ACKNOWLEDGE: 7,
} as const;
const PACKETS = {
  send: PACKET.SEND,
  rdmaWrite: PACKET.WRITE,
  rdmaReadRequest: PACKET.READ,
  compareAndSwap: PACKET.ATOMIC,
  fetchAndAdd: PACKET.ATOMIC,
  acknowledge: PACKET.ACKNOWLEDGE,
  rdmaReadResponse: PACKET.READ_RESPONSE,
  atomicAcknowledge: PACKET.ATOMIC_ACKNOWLEDGE,
} as const;
const SERVICES = { rc: 0x10, uc: 0x20, ud: 0x30 } as const;

/** Parts of a packet's traits: what it is, and whose. */
export const WHAT = 0x0f;
export const SERVICE = 0x30;
export const SERVICE_OF = SERVICES;
/** It begins or ends a message; both is "only", neither "middle". */
export const BEGINS = 0x40;
export const ENDS = 0x80;
export const HAS_IMMEDIATE = 0x100;
export const HAS_INVALIDATE = 0x200;
/** Payload may follow the headers. */
export const HAS_PAYLOAD = 0x400;

/** By opcode; 0 for one that there is not. */
export const TRAITS: Readonly<Uint16Array> = Uint16Array.from({ length: 256 }, (_, opcode) => {
  const described = OPCODES.get(opcode);
  if (described === undefined) return 0;
  const { transport, operation, position, headers, payload } = described;
  return (
    PACKETS[operation] |
    SERVICES[transport] |
    (position === 'first' || position === 'only' ? BEGINS : 0) |
    (position === 'last' || position === 'only' ? ENDS : 0) |
    (headers.includes('immediate') ? HAS_IMMEDIATE : 0) |
    (headers.includes('ieth') ? HAS_INVALIDATE : 0) |
    (payload ? HAS_PAYLOAD : 0)
  );
});

const EXTRAS = [undefined, 'immediate', 'ieth'] as const;

/** The opcodes of a connection's sends and writes, by kind, extra, and whether the packet begins and ends its message. */
function messageOpcodes(transport: 'rc' | 'uc'): Uint8Array {
  const table = new Uint8Array(2 * 12);
  for (const [kind, operation] of [
    [KIND.SEND, 'send'],
    [KIND.WRITE, 'rdmaWrite'],
  ] as const) {
    for (const extra of [EXTRA.NONE, EXTRA.IMMEDIATE, EXTRA.INVALIDATE]) {
      if (extra === EXTRA.INVALIDATE && (kind === KIND.WRITE || transport === 'uc')) continue;
      const at = kind * 12 + extra * 4;
      // Only the packet that ends a message has what it carries besides.
      table[at] = opcodeOf(transport, operation, 'middle');
      table[at + 1] = opcodeOf(transport, operation, 'first');
      table[at + 2] = opcodeOf(transport, operation, 'last', EXTRAS[extra]);
      table[at + 3] = opcodeOf(transport, operation, 'only', EXTRAS[extra]);
    }
  }
  return table;
}
const MESSAGE_OPCODES = { rc: messageOpcodes('rc'), uc: messageOpcodes('uc') } as const;

/** The opcode of one packet of a send or write. */
export function messageOpcode(
  transport: 'rc' | 'uc',
  kind: number,
  extra: number,
  begins: boolean,
  ends: boolean,
): number {
  return MESSAGE_OPCODES[transport][kind * 12 + extra * 4 + (begins ? 1 : 0) + (ends ? 2 : 0)] as number;
}
