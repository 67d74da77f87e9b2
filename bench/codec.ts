import { type CaGuid, parseGid, type ServiceId } from 'ibcm/base';
import { type CmMadInit, checkMad, decodeMad, encodeMad, MAD_BYTES, REQ } from 'ibcm/wire';
import { COPY, kept } from './floor.js';
import type { Case } from './main.js';

const path = {
  localLid: 0xffff,
  remoteLid: 0xffff,
  localGid: parseGid('10.0.0.1'),
  remoteGid: parseGid('10.0.0.2'),
  flowLabel: 0xa7ec6,
  hopLimit: 64,
  subnetLocal: 1,
  localAckTimeout: 17,
} as const;

/** A REQ as Linux sends it: the message with the most fields. */
const req: CmMadInit = {
  message: 'REQ',
  header: { transactionId: 0x1234_5678_9abc_def0n },
  fields: {
    localCommId: 0x89ab_cdef,
    serviceId: 0x0106_1d2fn as ServiceId,
    localCaGuid: 0x0002_c903_0012_3456n as CaGuid,
    localQpn: 0x0001_23,
    responderResources: 16,
    initiatorDepth: 16,
    remoteCmResponseTimeout: 20,
    startingPsn: 0x65_4321,
    localCmResponseTimeout: 20,
    retryCount: 7,
    pKey: 0xffff,
    pathPacketPayloadMtu: 3,
    rnrRetryCount: 7,
    maxCmRetries: 15,
    primaryPath: path,
    privateData: new Uint8Array(92).fill(0x5a),
  },
};
const ids = { localCommId: 0x89ab_cdef, remoteCommId: 0x1234_5678 } as const;
const privateData = new Uint8Array(92).fill(0x5a);
const serviceId = 0x0106_1d2fn as ServiceId;

/** Each message, with what it says in ordinary life. */
const MADS: readonly CmMadInit[] = [
  req,
  { message: 'MRA', fields: { ...ids, messageMraed: 0, serviceTimeout: 20 } },
  { message: 'REJ', fields: { ...ids, messageRejected: 0, reason: 28, privateData } },
  {
    message: 'REP',
    fields: {
      ...ids,
      localQpn: 0x0001_23,
      startingPsn: 0x65_4321,
      responderResources: 16,
      initiatorDepth: 16,
      targetAckDelay: 15,
      failoverAccepted: 1,
      rnrRetryCount: 7,
      localCaGuid: 0x0002_c903_0012_3456n as CaGuid,
      privateData,
    },
  },
  { message: 'RTU', fields: ids },
  { message: 'DREQ', fields: { ...ids, remoteQpnEecn: 0x123 } },
  { message: 'DREP', fields: ids },
  { message: 'SIDR_REQ', fields: { requestId: 0x89ab_cdef, pKey: 0xffff, serviceId, privateData } },
  { message: 'SIDR_REP', fields: { requestId: 0x89ab_cdef, qpn: 0x123, qKey: 0x0123_4567, serviceId, privateData } },
  {
    message: 'LAP',
    fields: { ...ids, remoteQpnEecn: 0x123, remoteCmResponseTimeout: 20, alternatePath: path },
  },
  { message: 'APR', fields: ids },
];

const encode = (name: string, mad: CmMadInit): Case => {
  const into = new Uint8Array(MAD_BYTES);
  return {
    name,
    unit: 'ns',
    reference: COPY,
    run: (times) => {
      for (let i = 0; i < times; i += 1) encodeMad(mad, into);
      kept.number = into[24] as number;
    },
  };
};

const decode = (name: string, mad: CmMadInit): Case => {
  const bytes = new Uint8Array(MAD_BYTES);
  encodeMad(mad, bytes);
  return {
    name,
    unit: 'ns',
    reference: COPY,
    run: (times) => {
      let decoded = 0;
      for (let i = 0; i < times; i += 1) if (!(decodeMad(bytes) instanceof Error)) decoded += 1;
      if (decoded !== times) throw new Error(`${mad.message} was not decoded`);
    },
  };
};

/** As the connection manager reads: check once, then only the fields that matter. */
const readInPlace = (name: string): Case => {
  const bytes = new Uint8Array(MAD_BYTES);
  encodeMad(req, bytes);
  const { localCommId, localCaGuid, localQpn, serviceId, maxCmRetries } = REQ.fields;
  return {
    name,
    unit: 'ns',
    reference: COPY,
    run: (times) => {
      let sum = 0;
      for (let i = 0; i < times; i += 1) {
        if (checkMad(bytes, 0, MAD_BYTES) !== undefined) throw new Error('the REQ is not a MAD');
        sum ^= localCommId.get(bytes, 0) ^ localCaGuid.high.get(bytes, 0) ^ localCaGuid.low.get(bytes, 0);
        sum ^= localQpn.get(bytes, 0) ^ serviceId.low.get(bytes, 0) ^ maxCmRetries.get(bytes, 0);
      }
      kept.number = sum;
    },
  };
};

export const CODEC: readonly Case[] = [
  ...MADS.map((mad) => encode(`encode ${mad.message}`, mad)),
  ...MADS.map((mad) => decode(`decode ${mad.message} to an object`, mad)),
  readInPlace('check REQ, read six fields'),
];
