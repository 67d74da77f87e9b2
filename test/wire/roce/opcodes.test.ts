import { describe, expect, it, test } from 'vitest';
import {
  AETH,
  AETH_KINDS,
  ATOMIC_ACK_ETH,
  ATOMIC_ETH,
  BTH,
  BTH_BYTES,
  DETH,
  EXTENDED_HEADER_BYTES,
  HEADER_BYTES,
  ICRC_BYTES,
  IETH,
  IMMEDIATE,
  NAK_CODES,
  OPCODES,
  opcodeOf,
  RETH,
  writeFields,
} from '../../../src/wire/index.js';
import { CAPTURES, packetsOf } from '../captures.js';
import { dissect, TSHARK_IS_THERE } from './tshark.js';

const PAYLOAD = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const VALUES = {
  address: 0x0123_4567_89ab_cdefn,
  rKey: 0x1234_5678,
  length: 0x0987_6543,
  swapOrAdd: 0x1122_3344_5566_7788n,
  compare: 0x99aa_bbcc_ddee_ff00n,
  original: 0x0102_0304_0506_0708n,
  data: 0xcafe_f00d,
  qKey: 0x0bad_cafe,
  sourceQpn: 0x12_3456,
  msn: 0x65_4321,
} as const;

/** Writes each header with its values. */
const WRITERS: Readonly<Record<keyof typeof EXTENDED_HEADER_BYTES, (bytes: Uint8Array, at: number) => void>> = {
  deth: (bytes, at) => writeFields(DETH, { qKey: VALUES.qKey, sourceQpn: VALUES.sourceQpn }, bytes, at),
  reth: (bytes, at) =>
    writeFields(RETH, { address: VALUES.address, rKey: VALUES.rKey, length: VALUES.length }, bytes, at),
  atomicEth: (bytes, at) => {
    const { address, rKey, swapOrAdd, compare } = VALUES;
    writeFields(ATOMIC_ETH, { address, rKey, swapOrAdd, compare }, bytes, at);
  },
  aeth: (bytes, at) =>
    writeFields(AETH, { kind: AETH_KINDS.negativeAcknowledge, value: 3, msn: VALUES.msn }, bytes, at),
  atomicAckEth: (bytes, at) => writeFields(ATOMIC_ACK_ETH, { original: VALUES.original }, bytes, at),
  immediate: (bytes, at) => writeFields(IMMEDIATE, { data: VALUES.data }, bytes, at),
  ieth: (bytes, at) => writeFields(IETH, { rKey: VALUES.rKey }, bytes, at),
};

/** A packet with an opcode, with all its headers, and a payload if it may have one. */
function packetWith(opcode: number): Uint8Array {
  const described = OPCODES.get(opcode);
  const headerBytes = HEADER_BYTES[opcode] as number;
  const payload = described?.payload ? PAYLOAD : PAYLOAD.subarray(0, 0);
  const packet = new Uint8Array(headerBytes + payload.length + ICRC_BYTES);
  writeFields(BTH, { opcode, pKey: 0xffff, destinationQpn: 0x77, psn: 0x12_3456 }, packet, 0);
  let at = BTH_BYTES;
  for (const header of described?.headers ?? []) {
    WRITERS[header](packet, at);
    at += EXTENDED_HEADER_BYTES[header];
  }
  packet.set(payload, at);
  return packet;
}

/** As tshark spells them; written down by hand from IBTA table 38. */
const NAMES: Readonly<Record<number, string>> = {
  0: 'RC Send First',
  1: 'RC Send Middle',
  2: 'RC Send Last',
  3: 'RC Send Last Immediate',
  4: 'RC Send Only',
  5: 'RC Send Only Immediate',
  6: 'RC RDMA Write First',
  7: 'RC RDMA Write Middle',
  8: 'RC RDMA Write Last',
  9: 'RC RDMA Write Last Immediate',
  10: 'RC RDMA Write Only',
  11: 'RC RDMA Write Only Immediate',
  12: 'RC RDMA Read Request',
  13: 'RC RDMA Read Response First',
  14: 'RC RDMA Read Response Middle',
  15: 'RC RDMA Read Response Last',
  16: 'RC RDMA Read Response Only',
  17: 'RC Acknowledge',
  18: 'RC Atomic Acknowledge',
  19: 'RC Compare Swap',
  20: 'RC Fetch Add',
  22: 'RC Send Last Invalidate',
  23: 'RC Send Only Invalidate',
  32: 'UC Send First',
  33: 'UC Send Middle',
  34: 'UC Send Last',
  35: 'UC Send Last Immediate',
  36: 'UC Send Only',
  37: 'UC Send Only Immediate',
  38: 'UC RDMA Write First',
  39: 'UC RDMA Write Middle',
  40: 'UC RDMA Write Last',
  41: 'UC RDMA Write Last Immediate',
  42: 'UC RDMA Write Only',
  43: 'UC RDMA Write Only Immediate',
  100: 'UD Send Only',
  101: 'UD Send Only Immediate',
};
const OPERATION_WORDS = {
  send: 'Send',
  rdmaWrite: 'RDMA Write',
  rdmaReadRequest: 'RDMA Read Request',
  rdmaReadResponse: 'RDMA Read Response',
  acknowledge: 'Acknowledge',
  atomicAcknowledge: 'Atomic Acknowledge',
  compareAndSwap: 'Compare Swap',
  fetchAndAdd: 'Fetch Add',
} as const;
const HAS_POSITION: ReadonlySet<string> = new Set(['send', 'rdmaWrite', 'rdmaReadResponse']);

describe('The table of opcodes', () => {
  it('has those of RC, UC and UD, each as what it is', () => {
    const names = [...OPCODES].map(([opcode, { transport, operation, position, headers }]) => {
      const words: string[] = [transport.toUpperCase(), OPERATION_WORDS[operation]];
      if (HAS_POSITION.has(operation)) words.push(position[0]?.toUpperCase() + position.slice(1));
      if (headers.includes('immediate')) words.push('Immediate');
      if (headers.includes('ieth')) words.push('Invalidate');
      return [opcode, words.join(' ')];
    });
    expect(Object.fromEntries(names)).toEqual(NAMES);
  });

  it('finds each opcode by what it is, and none that there is not', () => {
    for (const [opcode, { transport, operation, position, headers }] of OPCODES) {
      const extra = headers.includes('immediate') ? 'immediate' : headers.includes('ieth') ? 'ieth' : undefined;
      expect(opcodeOf(transport, operation, position, extra)).toBe(opcode);
    }
    expect(() => opcodeOf('ud', 'rdmaWrite', 'only')).toThrow('no opcode for ud rdmaWrite only');
    expect(() => opcodeOf('rc', 'rdmaWrite', 'last', 'ieth')).toThrow(RangeError);
  });

  it('says where the payload begins', () => {
    expect(
      [0x04, 0x05, 0x06, 0x0b, 0x0c, 0x0e, 0x10, 0x11, 0x12, 0x13, 0x16, 0x64, 0x65].map((o) => HEADER_BYTES[o]),
    ).toEqual([12, 16, 28, 32, 28, 12, 16, 16, 24, 40, 16, 20, 24]);
    expect(HEADER_BYTES.filter((bytes) => bytes > 0)).toHaveLength(OPCODES.size);
  });
});

test.skipIf(!TSHARK_IS_THERE)('Wireshark reads every packet as it was meant', () => {
  const opcodes = [...OPCODES.keys()];
  // Wireshark has one name for what two headers begin with.
  const fields: readonly (readonly [field: string, name: string])[] = [
    ['infiniband.reth.va', 'reth.address'],
    ['infiniband.reth.r_key', 'reth.rKey'],
    ['infiniband.reth.dmalen', 'reth.length'],
    ['infiniband.reth.va', 'atomicEth.address'],
    ['infiniband.reth.r_key', 'atomicEth.rKey'],
    ['infiniband.atomiceth.swapdt', 'atomicEth.swapOrAdd'],
    ['infiniband.atomiceth.cmpdt', 'atomicEth.compare'],
    ['infiniband.aeth.syndrome.error_code', 'aeth.value'],
    ['infiniband.aeth.msn', 'aeth.msn'],
    ['infiniband.atomicacketh.origremdt', 'atomicAckEth.original'],
    ['infiniband.immdt', 'immediate'],
    ['infiniband.ieth', 'ieth'],
    ['infiniband.deth.q_key', 'deth.qKey'],
    ['infiniband.deth.srcqp', 'deth.sourceQpn'],
  ];
  const rows = dissect(opcodes.map(packetWith), [...fields.map(([field]) => field), '_ws.col.Info']);
  expect(rows).toHaveLength(opcodes.length);
  const values: Readonly<Record<string, bigint>> = {
    'reth.address': VALUES.address,
    'reth.rKey': BigInt(VALUES.rKey),
    'reth.length': BigInt(VALUES.length),
    'atomicEth.address': VALUES.address,
    'atomicEth.rKey': BigInt(VALUES.rKey),
    'atomicEth.swapOrAdd': VALUES.swapOrAdd,
    'atomicEth.compare': VALUES.compare,
    'aeth.value': BigInt(NAK_CODES.remoteOperationalError),
    'aeth.msn': BigInt(VALUES.msn),
    'atomicAckEth.original': VALUES.original,
    immediate: BigInt(VALUES.data),
    ieth: BigInt(VALUES.rKey),
    'deth.qKey': BigInt(VALUES.qKey),
    'deth.sourceQpn': BigInt(VALUES.sourceQpn),
  };
  opcodes.forEach((opcode, i) => {
    const row = rows[i] as Record<string, string>;
    expect(row['_ws.col.Info']).toContain(NAMES[opcode]);
    const headers = OPCODES.get(opcode)?.headers as readonly string[];
    for (const [field, name] of fields) {
      const header = name.split('.')[0] as string;
      if (!headers.includes(header)) continue;
      const text = (row[field] as string).split(',')[0] as string;
      const value =
        /^[0-9a-f]{8}$/i.test(text) || text.startsWith('0x') ? BigInt(`0x${text.replace('0x', '')}`) : BigInt(text);
      expect([NAMES[opcode], name, value]).toEqual([NAMES[opcode], name, values[name]]);
    }
  });
});

test('the packets that Linux sent have the lengths that the table says', () => {
  const seen = new Set<number>();
  for (const { frame, packet } of CAPTURES.flatMap(packetsOf)) {
    const opcode = BTH.opcode.get(frame.bytes, packet.bthOffset);
    const pad = BTH.padCount.get(frame.bytes, packet.bthOffset);
    const payload = packet.end - packet.bthOffset - (HEADER_BYTES[opcode] as number) - ICRC_BYTES - pad;
    const described = OPCODES.get(opcode);
    seen.add(opcode);
    expect([described?.payload ? payload >= 0 : payload === 0, NAMES[opcode]]).toEqual([true, NAMES[opcode]]);
    if (described?.headers.includes('aeth')) {
      expect(AETH.kind.get(frame.bytes, packet.bthOffset + BTH_BYTES)).toBe(AETH_KINDS.acknowledge);
    }
    // A read request is as long as it asks for; a write brings what it says.
    if (opcode === opcodeOf('rc', 'rdmaWrite', 'only')) {
      expect(RETH.length.get(frame.bytes, packet.bthOffset + BTH_BYTES)).toBe(payload);
    }
  }
  expect([...seen].map((opcode) => NAMES[opcode]).sort()).toEqual([
    'RC Acknowledge',
    'RC RDMA Read Request',
    'RC RDMA Read Response Only',
    'RC RDMA Write Only',
    'RC Send Only',
    'UD Send Only',
    'UD Send Only Immediate',
  ]);
});
