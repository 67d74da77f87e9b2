import { describe, expect, test } from 'vitest';
import {
  AP_STATUSES,
  apStatusName,
  GSI_Q_KEY,
  MESSAGE_MRAED,
  MESSAGE_REJECTED,
  OPCODE_UD_SEND_ONLY,
  PORT_SPACES,
  RDMA_UDP_Q_KEY,
  REJECT_REASONS,
  ROCE_UDP_PORT,
  rejectReasonName,
  SIDR_STATUSES,
  sidrStatusName,
  TRANSPORT_SERVICE_TYPES,
} from '../../src/wire/index.js';

const TABLES = {
  REJECT_REASONS,
  AP_STATUSES,
  SIDR_STATUSES,
  MESSAGE_REJECTED,
  MESSAGE_MRAED,
  TRANSPORT_SERVICE_TYPES,
  PORT_SPACES,
};

test.each(Object.entries(TABLES))('no two names of %s have one number', (_, table) => {
  const numbers = Object.values(table);
  expect(new Set(numbers).size).toBe(numbers.length);
});

describe('a table of names', () => {
  test('has the reject reasons in the order of their numbers: 1 to 33, 35 and WinOF’s 0xffff', () => {
    expect(Object.entries(REJECT_REASONS).map(([name, number]) => `${number} ${name}`)).toEqual([
      '1 noQp',
      '2 noEec',
      '3 noResources',
      '4 timeout',
      '5 unsupportedRequest',
      '6 invalidCommId',
      '7 invalidCommInstance',
      '8 invalidServiceId',
      '9 invalidTransportServiceType',
      '10 staleConnection',
      '11 rdcDoesNotExist',
      '12 primaryRemotePortGid',
      '13 primaryRemotePortLid',
      '14 primarySl',
      '15 primaryTrafficClass',
      '16 primaryHopLimit',
      '17 primaryPacketRate',
      '18 alternateRemotePortGid',
      '19 alternateRemotePortLid',
      '20 alternateSl',
      '21 alternateTrafficClass',
      '22 alternateHopLimit',
      '23 alternatePacketRate',
      '24 redirectCmPort',
      '25 redirectPort',
      '26 invalidPathMtu',
      '27 insufficientResponderResources',
      '28 consumerReject',
      '29 rnrRetryCount',
      '30 duplicateLocalCommId',
      '31 unsupportedClassVersion',
      '32 flowLabel',
      '33 alternateFlowLabel',
      '35 vendorOptionNotSupported',
      '65535 serviceHandoff',
    ]);
  });

  test('has the statuses of an APR, 0 to 13', () => {
    expect(Object.keys(AP_STATUSES)).toEqual([
      'success',
      'invalidCommId',
      'unsupported',
      'rejected',
      'redirect',
      'isCurrent',
      'invalidQpn',
      'invalidLid',
      'invalidGid',
      'invalidFlowLabel',
      'invalidTrafficClass',
      'invalidHopLimit',
      'invalidPacketRate',
      'invalidSl',
    ]);
    expect(Object.values(AP_STATUSES)).toEqual(Array.from({ length: 14 }, (_, status) => status));
  });

  test('has the statuses of a SIDR_REP, 0 to 5', () => {
    expect(SIDR_STATUSES).toEqual({
      valid: 0,
      serviceIdUnsupported: 1,
      rejected: 2,
      noQp: 3,
      redirect: 4,
      unsupportedVersion: 5,
    });
  });

  test('has the messages that a REJ and an MRA answer, the transport types and the port spaces', () => {
    expect(MESSAGE_REJECTED).toEqual({ req: 0, rep: 1, other: 2 });
    expect(MESSAGE_MRAED).toEqual({ req: 0, rep: 1, lap: 2 });
    expect(TRANSPORT_SERVICE_TYPES).toEqual({ rc: 0, uc: 1, rd: 2, extended: 3 });
    expect(PORT_SPACES).toEqual({ tcp: 0x0106, udp: 0x0111, ib: 0x013f, ipoib: 0x0002 });
  });
});

test('the well-known numbers are those of the specification and of Linux', () => {
  expect(GSI_Q_KEY).toBe(0x8001_0000);
  expect(RDMA_UDP_Q_KEY).toBe(0x0123_4567);
  expect(ROCE_UDP_PORT).toBe(4791);
  expect(OPCODE_UD_SEND_ONLY).toBe(0x64);
});

describe('a number has its name', () => {
  test.each([
    ['reject reason', REJECT_REASONS, rejectReasonName],
    ['AP status', AP_STATUSES, apStatusName],
    ['SIDR status', SIDR_STATUSES, sidrStatusName],
  ] as const)('as a %s', (_, table, nameOf) => {
    for (const [name, number] of Object.entries(table)) expect(nameOf(number)).toBe(name);
  });

  test('or none, when the specification gives none', () => {
    for (const number of [0, 34, 36, 0xfffe, -1, Number.NaN]) expect(rejectReasonName(number)).toBeUndefined();
    expect(apStatusName(14)).toBeUndefined();
    expect(sidrStatusName(6)).toBeUndefined();
  });
});
