import { describe, expect, test } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import { formatJson } from '../../src/cli/decode/json.js';
import { summarize } from '../../src/cli/decode/summary.js';
import { TextLines } from '../../src/cli/decode/text.js';
import { PLAIN, styleFor } from '../../src/cli/style.js';
import {
  AP_STATUSES,
  type CmMadInit,
  DecodeError,
  decodeMad,
  encodeIpCmHeader,
  encodeMad,
  REJECT_REASONS,
  SIDR_STATUSES,
  serviceIdOfPort,
} from '../../src/wire/index.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function madOf(init: CmMadInit) {
  const wire = new Uint8Array(256);
  encodeMad(init, wire);
  const mad = decodeMad(wire);
  if (mad instanceof DecodeError) throw mad;
  return mad;
}

const summaryOf = (init: CmMadInit): string => summarize(madOf(init)).join('  ');
const IDS = { localCommId: 0x0a, remoteCommId: 0xb0000000 };

describe('the text of a message', () => {
  test('a REQ shows who asks for what', () => {
    const privateData = new Uint8Array(92);
    const [source, destination] = [parseGid('fd77::3'), parseGid('fd77::2')];
    encodeIpCmHeader({ ipVersion: 6, sourcePort: 4242, source, destination }, privateData);
    privateData.set(bytes('hello'), 36);
    const fields = {
      localCommId: 0x12345678,
      serviceId: serviceIdOfPort('tcp', 7471),
      localQpn: 0x11,
      startingPsn: 0xabcdef,
      localCaGuid: 0x505400fffe770002n,
      pathPacketPayloadMtu: 5,
      pKey: 0xffff,
      remoteCmResponseTimeout: 20,
      maxCmRetries: 15,
      privateData,
    };
    expect(summaryOf({ message: 'REQ', fields }).split('  ')).toEqual([
      'local 0x12345678',
      'service 0x0000000001061d2f (tcp port 7471)',
      'QPN 0x000011',
      'PSN 0xabcdef',
      'GUID 0x505400fffe770002',
      'RC',
      'MTU 4096',
      'response timeout 20 (4.29 s)',
      'retries 15',
      'IP CM [fd77::3]:4242 → fd77::2',
      'data "hello"',
    ]);
  });

  test('a REQ shows what is out of the ordinary', () => {
    const [localGid, remoteGid] = [parseGid('fe80::1'), parseGid('fe80::2')];
    const text = summaryOf({
      message: 'REQ',
      header: { attributeModifier: 0x30000002 },
      fields: {
        serviceId: 0x1000_0000_0000_0001n,
        vendorId: 0x15b3,
        transportServiceType: 3,
        extendedTransportType: 1,
        pathPacketPayloadMtu: 7,
        pKey: 0x8001,
        alternatePath: { localLid: 3, remoteLid: 4, localGid, remoteGid },
        privateData: Uint8Array.of(1, 2, 0, 0xff),
      },
    });
    for (const phrase of [
      'service 0x1000000000000001  ',
      'extended transport 1',
      'MTU code 7',
      'P_Key 0x8001',
      'alternate path fe80::1 (LID 3) → fe80::2 (LID 4)',
      'ECE vendor 0x0015b3 options 0x30000002',
      'data 0x010200ff',
    ]) {
      expect(text).toContain(phrase);
    }
  });

  test('a REP shows the queue pair, in the EECN field too', () => {
    const fields = { ...IDS, localQpn: 0x12, startingPsn: 3, localCaGuid: 4n };
    expect(summaryOf({ message: 'REP', fields })).toBe(
      'local 0x0000000a  remote 0xb0000000  QPN 0x000012  PSN 0x000003  GUID 0x0000000000000004',
    );
    expect(summaryOf({ message: 'REP', fields: { localEecn: 0x13, failoverAccepted: 1 } })).toMatch(
      / EECN 0x000013 .* alternate path not accepted \(1\)$/,
    );
  });

  test.each(Object.entries(REJECT_REASONS))('a REJ names its reason: %s', (name, reason) => {
    const text = summaryOf({ message: 'REJ', fields: { ...IDS, messageRejected: 1, reason } });
    expect(text).toBe(`local 0x0000000a  remote 0xb0000000  rejects REP, reason ${reason} ${name}`);
  });

  test('a REJ names the message and shows the additional information', () => {
    const guid = Uint8Array.of(0x50, 0x54, 0, 0xff, 0xfe, 0x77, 0, 2);
    const timeout = { messageRejected: 2, reason: 4, rejectInfoLength: 8, additionalRejectInformation: guid };
    expect(summaryOf({ message: 'REJ', fields: timeout })).toContain(
      'rejects other, reason 4 timeout  GUID 0x505400fffe770002',
    );
    const mtu = { messageRejected: 0, reason: 26, additionalRejectInformation: Uint8Array.of(3) };
    expect(summaryOf({ message: 'REJ', fields: mtu })).toContain(
      'rejects REQ, reason 26 invalidPathMtu  information 0x03',
    );
    expect(summaryOf({ message: 'REJ', fields: { messageRejected: 3, reason: 999 } })).toContain(
      'rejects message 3, reason 999 unknown',
    );
  });

  test.each([
    [0, '4.10 µs'],
    [8, '1.05 ms'],
    [14, '67.1 ms'],
    [20, '4.29 s'],
    [24, '68.7 s'],
    [25, '2.29 min'],
    [31, '2.44 h'],
  ])('an MRA shows its service timeout %i as a time, %s', (serviceTimeout, time) => {
    const text = summaryOf({ message: 'MRA', fields: { ...IDS, messageMraed: 2, serviceTimeout } });
    expect(text).toBe(`local 0x0000000a  remote 0xb0000000  of LAP  service timeout ${serviceTimeout} (${time})`);
  });

  test.each(Object.entries(AP_STATUSES))('an APR names its status: %s', (name, apStatus) => {
    expect(summaryOf({ message: 'APR', fields: { apStatus } })).toContain(`status ${apStatus} ${name}`);
  });

  test.each(Object.entries(SIDR_STATUSES))('a SIDR_REP names its status: %s', (name, status) => {
    expect(summaryOf({ message: 'SIDR_REP', fields: { status } })).toContain(`status ${status} ${name}`);
  });

  test('RTU, DREQ, DREP and LAP say which connection they are of', () => {
    const ids = 'local 0x0000000a  remote 0xb0000000';
    expect(summaryOf({ message: 'RTU', fields: IDS })).toBe(ids);
    expect(summaryOf({ message: 'DREP', fields: IDS })).toBe(ids);
    expect(summaryOf({ message: 'DREQ', fields: { ...IDS, remoteQpnEecn: 5 } })).toBe(`${ids}  remote QPN 0x000005`);
    expect(summaryOf({ message: 'LAP', fields: { ...IDS, remoteQpnEecn: 5, remoteCmResponseTimeout: 20 } })).toBe(
      `${ids}  remote QPN 0x000005  alternate path :: (LID 0) → :: (LID 0)  response timeout 20 (4.29 s)`,
    );
  });

  test('private data never reaches the terminal unescaped, nor floods it', () => {
    const privateData = bytes('\u001b[2Jx');
    expect(summaryOf({ message: 'RTU', fields: { privateData } })).toContain('data 0x1b5b324a78');
    expect(summaryOf({ message: 'RTU', fields: { privateData: new Uint8Array(224).fill(7) } })).toContain(
      `data 0x${'07'.repeat(32)}… (192 more bytes)`,
    );
  });
});

describe('a line', () => {
  const message = {
    kind: 'message',
    frame: 3,
    timestamp: undefined,
    source: '10.0.0.1',
    destination: '10.0.0.12',
    icrc: 'bad',
    mad: madOf({ message: 'RTU', fields: IDS }),
  } as const;
  const undecoded = { ...message, kind: 'undecoded', icrc: undefined, code: 'X', error: 'too short' } as const;
  const nowhere = { ...undecoded, source: undefined, destination: undefined };
  const origin = { file: 'a\nb', time: 1.5 };

  test('has columns as wide as the longest address so far', () => {
    const lines = new TextLines(PLAIN, false);
    expect(lines.format(origin, message)).toBe(
      '    3    1.500000   10.0.0.1 → 10.0.0.12  RTU       ICRC BAD  local 0x0000000a  remote 0xb0000000',
    );
    expect(lines.format({ file: 'a', time: undefined }, nowhere)).toBe(
      '    3           -          ? → ?          error     too short',
    );
  });

  test('begins with the file, on one line whatever its name, when there are several', () => {
    expect(new TextLines(PLAIN, true).format(origin, nowhere)).toBe(
      'a\ufffdb:     3    1.500000  ? → ?  error     too short',
    );
  });

  test('has colours on a terminal, and none with NO_COLOR', () => {
    const line = (environment: NodeJS.ProcessEnv, isTTY: boolean): string =>
      new TextLines(styleFor({ isTTY }, environment), false).format(origin, message);
    expect(line({}, true)).toContain('\u001b[31mICRC BAD\u001b[39m');
    for (const plain of [line({ NO_COLOR: '1' }, true), line({}, false)]) expect(plain).not.toContain('\u001b');
  });

  test('of JSON has null for a time that the file does not say, and leaves out addresses that it does not show', () => {
    expect(JSON.parse(formatJson({ file: 'a', time: undefined }, nowhere))).toEqual({
      file: 'a',
      frame: 3,
      time: null,
      error: 'too short',
      code: 'X',
    });
  });
});
