import { expect, test } from 'vitest';
import { GSI_QPN } from '../../../src/base/index.js';
import {
  BTH,
  BTH_BYTES,
  DETH,
  DETH_BYTES,
  GSI_Q_KEY,
  OPCODE_UD_SEND_ONLY,
  readFields,
  writeFields,
} from '../../../src/wire/index.js';
import { CAPTURES, madsOf, packetsOf } from '../captures.js';

test.each(CAPTURES)('the transport headers of %s are written as Linux wrote them', (capture) => {
  for (const { frame, packet, madOffset } of packetsOf(capture)) {
    const { bthOffset } = packet;
    const length = BTH_BYTES + (madOffset === undefined ? 0 : DETH_BYTES);
    const written = new Uint8Array(length);
    writeFields(BTH, readFields(BTH, frame.bytes, bthOffset), written, 0);
    if (madOffset !== undefined) {
      writeFields(DETH, readFields(DETH, frame.bytes, bthOffset + BTH_BYTES), written, BTH_BYTES);
    }
    expect(written).toEqual(frame.bytes.slice(bthOffset, bthOffset + length));
  }
});

test('a CM message goes from QP1 to QP1 under its well-known Q_Key, in a packet with no padding', () => {
  for (const { frame, packet } of CAPTURES.flatMap(madsOf)) {
    expect(readFields(BTH, frame.bytes, packet.bthOffset)).toMatchObject({
      opcode: OPCODE_UD_SEND_ONLY,
      padCount: 0,
      headerVersion: 0,
      pKey: 0xffff,
      destinationQpn: GSI_QPN,
    });
    expect(readFields(DETH, frame.bytes, packet.bthOffset + BTH_BYTES)).toEqual({
      qKey: GSI_Q_KEY,
      sourceQpn: GSI_QPN,
    });
  }
});

test('every field of the headers stands in its place', () => {
  const bth = new Uint8Array(BTH_BYTES);
  const values = {
    opcode: 0x64,
    solicitedEvent: 1,
    migration: 0,
    padCount: 3,
    headerVersion: 5,
    pKey: 0x1234,
    fecn: 0,
    becn: 1,
    destinationQpn: 0x56_789a,
    ackRequest: 1,
    psn: 0xbc_def0,
  };
  writeFields(BTH, values, bth, 0);
  expect([...bth]).toEqual([0x64, 0xb5, 0x12, 0x34, 0x40, 0x56, 0x78, 0x9a, 0x80, 0xbc, 0xde, 0xf0]);
  expect(readFields(BTH, bth, 0)).toEqual(values);

  writeFields(BTH, { solicitedEvent: 0, migration: 1, fecn: 1, becn: 0 }, bth, 0);
  expect([...bth.subarray(1, 5)]).toEqual([0x75, 0x12, 0x34, 0x80]);

  const deth = new Uint8Array(DETH_BYTES);
  writeFields(DETH, { qKey: 0x8765_4321, sourceQpn: 0xab_cdef }, deth, 0);
  expect([...deth]).toEqual([0x87, 0x65, 0x43, 0x21, 0, 0xab, 0xcd, 0xef]);
});
