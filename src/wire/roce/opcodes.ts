import {
  AETH_BYTES,
  ATOMIC_ACK_ETH_BYTES,
  ATOMIC_ETH_BYTES,
  IETH_BYTES,
  IMMEDIATE_BYTES,
  RETH_BYTES,
} from './extended-headers.js';
import { BTH_BYTES, DETH_BYTES } from './headers.js';

/** Extended headers in the order in which they follow the BTH, with their lengths in bytes. */
export const EXTENDED_HEADER_BYTES = {
  deth: DETH_BYTES,
  reth: RETH_BYTES,
  atomicEth: ATOMIC_ETH_BYTES,
  aeth: AETH_BYTES,
  atomicAckEth: ATOMIC_ACK_ETH_BYTES,
  immediate: IMMEDIATE_BYTES,
  ieth: IETH_BYTES,
} as const;
export type ExtendedHeader = keyof typeof EXTENDED_HEADER_BYTES;

export type Operation =
  | 'send'
  | 'rdmaWrite'
  | 'rdmaReadRequest'
  | 'rdmaReadResponse'
  | 'acknowledge'
  | 'atomicAcknowledge'
  | 'compareAndSwap'
  | 'fetchAndAdd';

/** Which packet of its message. */
export type Position = 'first' | 'middle' | 'last' | 'only';

/** What a packet with an opcode is made of. */
export interface OpcodeDescription {
  readonly transport: 'rc' | 'uc' | 'ud';
  readonly operation: Operation;
  readonly position: Position;
  readonly headers: readonly ExtendedHeader[];
  /** Whether payload may follow the headers. */
  readonly payload: boolean;
}

type Row = readonly [opcode: number, operation: Operation, position: Position, ...headers: ExtendedHeader[]];

/** Sends and writes, which reliable and unreliable connections have (IBTA table 38). */
const MESSAGES: readonly Row[] = [
  [0x00, 'send', 'first'],
  [0x01, 'send', 'middle'],
  [0x02, 'send', 'last'],
  [0x03, 'send', 'last', 'immediate'],
  [0x04, 'send', 'only'],
  [0x05, 'send', 'only', 'immediate'],
  [0x06, 'rdmaWrite', 'first', 'reth'],
  [0x07, 'rdmaWrite', 'middle'],
  [0x08, 'rdmaWrite', 'last'],
  [0x09, 'rdmaWrite', 'last', 'immediate'],
  [0x0a, 'rdmaWrite', 'only', 'reth'],
  [0x0b, 'rdmaWrite', 'only', 'reth', 'immediate'],
];
/** What reliable connections have besides. */
const RELIABLE: readonly Row[] = [
  [0x0c, 'rdmaReadRequest', 'only', 'reth'],
  [0x0d, 'rdmaReadResponse', 'first', 'aeth'],
  [0x0e, 'rdmaReadResponse', 'middle'],
  [0x0f, 'rdmaReadResponse', 'last', 'aeth'],
  [0x10, 'rdmaReadResponse', 'only', 'aeth'],
  [0x11, 'acknowledge', 'only', 'aeth'],
  [0x12, 'atomicAcknowledge', 'only', 'aeth', 'atomicAckEth'],
  [0x13, 'compareAndSwap', 'only', 'atomicEth'],
  [0x14, 'fetchAndAdd', 'only', 'atomicEth'],
  [0x16, 'send', 'last', 'ieth'],
  [0x17, 'send', 'only', 'ieth'],
];
const DATAGRAMS: readonly Row[] = [
  [0x04, 'send', 'only', 'deth'],
  [0x05, 'send', 'only', 'deth', 'immediate'],
];

/** The opcode's upper three bits: the transport service. */
export const OPCODE_BASES = { rc: 0x00, uc: 0x20, ud: 0x60 } as const;
const WITH_PAYLOAD: ReadonlySet<Operation> = new Set(['send', 'rdmaWrite', 'rdmaReadResponse']);

const describe = (transport: keyof typeof OPCODE_BASES, rows: readonly Row[]): [number, OpcodeDescription][] =>
  rows.map(([opcode, operation, position, ...headers]) => [
    OPCODE_BASES[transport] + opcode,
    { transport, operation, position, headers, payload: WITH_PAYLOAD.has(operation) },
  ]);

/** Every opcode of RC, UC and UD (IBTA 9.2.1). */
export const OPCODES: ReadonlyMap<number, OpcodeDescription> = new Map([
  ...describe('rc', [...MESSAGES, ...RELIABLE]),
  ...describe('uc', MESSAGES),
  ...describe('ud', DATAGRAMS),
]);

/** The opcode of a packet. @throws RangeError for what does not exist. */
export function opcodeOf(
  transport: keyof typeof OPCODE_BASES,
  operation: Operation,
  position: Position,
  extra?: 'immediate' | 'ieth',
): number {
  for (const [opcode, described] of OPCODES) {
    const extras = described.headers.filter((header) => header === 'immediate' || header === 'ieth');
    if (described.transport !== transport || described.operation !== operation) continue;
    if (described.position === position && extras[0] === extra) return opcode;
  }
  throw new RangeError(`no opcode for ${transport} ${operation} ${position} ${extra ?? ''}`);
}

/** The BTH and the extended headers of a packet, in bytes, by opcode: the payload begins behind them. 0 for an opcode that there is not. */
export const HEADER_BYTES: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, opcode) => {
  const headers = OPCODES.get(opcode)?.headers;
  return headers === undefined ? 0 : headers.reduce((sum, header) => sum + EXTENDED_HEADER_BYTES[header], BTH_BYTES);
});

/** The longest headers before a payload: a write of one packet with immediate data. */
export const PAYLOAD_HEADER_BYTES_MAX = BTH_BYTES + RETH_BYTES + IMMEDIATE_BYTES;

const PATH_MTU_MAX_CODE = 5;
/** Bytes of payload that IBTA's code for an MTU stands for: 1 (256) to 5 (4096). */
export const mtuBytes = (code: number): number => 128 << code;
export const MTU_BYTES_MAX = mtuBytes(PATH_MTU_MAX_CODE);
