import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decoded, decodeRecord } from '../../src/cli/decode/decoder.js';
import {
  type CaptureRecord,
  type CmMadInit,
  encodeMad,
  icrcOfFrame,
  LinkType,
  locateTransport,
  storeIcrc,
} from '../../src/wire/index.js';
import { fields, join, patch, zeros } from '../wire/capture/bytes.js';
import { ethernet, fragment, grh, ipv4, ipv6, lrh, udp } from '../wire/capture/packets.js';

/** Packets of all the kinds that a capture may have around a MAD, right and wrong. */

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ROCE_V1 = 0x8915;
const BTH_IN_IPV4_FRAME = 42;
const MAD_IN_IPV4_FRAME = 62;

function mad(init: CmMadInit = { message: 'RTU', fields: { localCommId: 1, remoteCommId: 2 } }): Uint8Array {
  const bytes = zeros(256);
  encodeMad(init, bytes);
  return bytes;
}

/** BTH, DETH, a MAD and room for an ICRC. */
function gmp(payload = mad(), { opcode = 0x64, qpn = 1, padCount = 0 } = {}): Uint8Array {
  const headers = fields([
    [opcode, 1],
    [padCount * 16, 1],
    [0xffff, 2],
    [qpn, 4],
    [0, 4],
    [0x8001_0000, 4],
    [1, 4],
  ]);
  return join(headers, payload, zeros(4));
}

const inIpv4 = (transport: Uint8Array): Uint8Array => ethernet(IPV4, ipv4(udp(transport)));
const inIpv6 = (transport: Uint8Array): Uint8Array => ethernet(IPV6, ipv6(udp(transport)));

/** The frame with the right ICRC. */
function sealed(frame: Uint8Array, linkType: number = LinkType.ethernet): Uint8Array {
  const packet = locateTransport(frame, linkType);
  if (packet === undefined || packet.transport === 'undecodable') expect.fail('not a packet');
  storeIcrc(frame, packet.end, icrcOfFrame(frame, packet));
  return frame;
}

function recordOf(data: Uint8Array, linkType: number = LinkType.ethernet, originalLength = data.length): CaptureRecord {
  return { frame: 7, timestamp: { seconds: 1, nanoseconds: 0 }, linkType, originalLength, data };
}

const decode = (data: Uint8Array, linkType?: number): Decoded | undefined => decodeRecord(recordOf(data, linkType));

/** The packet as the capture keeps it when it keeps `length` bytes of each. */
const cut = (frame: Uint8Array, length: number): Decoded | undefined =>
  decodeRecord(recordOf(frame.slice(0, length), LinkType.ethernet, frame.length));

describe('a CM message is decoded', () => {
  const ADDRESSES = { source: '10.77.0.3', destination: '10.77.0.2' };
  const ADDRESSES_IPV6 = { source: 'fd77::3', destination: 'fd77::2' };
  const LIDS = { source: 'LID 34', destination: 'LID 17' };
  test.each([
    ['RoCEv2 over IPv4', sealed(inIpv4(gmp())), LinkType.ethernet, ADDRESSES],
    [
      'RoCEv2 over IPv4 with options',
      sealed(ethernet(IPV4, ipv4(udp(gmp()), { headerWords: 7 }))),
      LinkType.ethernet,
      ADDRESSES,
    ],
    ['RoCEv2 behind a VLAN tag', sealed(ethernet(IPV4, ipv4(udp(gmp())), [0x8100])), LinkType.ethernet, ADDRESSES],
    ['RoCEv2 over IPv6', sealed(inIpv6(gmp())), LinkType.ethernet, ADDRESSES_IPV6],
    ['RoCEv2 without a link layer', sealed(ipv4(udp(gmp())), LinkType.raw), LinkType.raw, ADDRESSES],
    ['RoCEv1', sealed(ethernet(ROCE_V1, grh(gmp()))), LinkType.ethernet, ADDRESSES_IPV6],
    ['InfiniBand without a GRH', sealed(lrh(gmp()), LinkType.infiniband), LinkType.infiniband, LIDS],
    [
      'InfiniBand with a GRH',
      sealed(lrh(grh(gmp()), { next: 3 }), LinkType.infiniband),
      LinkType.infiniband,
      ADDRESSES_IPV6,
    ],
  ])('in %s', (_name, frame, linkType, addresses) => {
    const decoded = decode(frame, linkType);
    expect(decoded).toMatchObject({ kind: 'message', frame: 7, ...addresses, icrc: 'ok' });
    expect(decoded).toMatchObject({ mad: { message: 'RTU', fields: { localCommId: 1, remoteCommId: 2 } } });
  });

  test('and a wrong ICRC is told', () => {
    const frame = sealed(inIpv4(gmp()));
    const damaged = patch(frame, frame.length - 10, [1]);
    expect(decode(damaged)).toMatchObject({ kind: 'message', icrc: 'bad' });
  });

  test('and IPv4 addresses in IPv6 headers stay in the notation of IPv6', () => {
    const frame = inIpv6(gmp());
    const mapped = patch(frame, 14 + 8, [...zeros(10), 0xff, 0xff, 10, 0, 0, 1]);
    expect(decode(sealed(mapped))).toMatchObject({ source: '::ffff:10.0.0.1', destination: 'fd77::2' });
  });
});

describe('a packet that is not the CM\u2019s is skipped', () => {
  const otherClass = patch(mad(), 1, [0x03]);
  test.each([
    ['of another management class', inIpv4(gmp(otherClass))],
    ['to another queue pair', inIpv4(gmp(mad(), { qpn: 17 }))],
    ['of another opcode', inIpv4(gmp(mad(), { opcode: 0x04 }))],
    ['to another UDP port', ethernet(IPV4, ipv4(udp(gmp(), { port: 53 })))],
    ['of TCP', ethernet(IPV4, ipv4(gmp(), { protocol: 6 }))],
    ['of ARP', ethernet(0x0806, zeros(28))],
    ['to QP1 without a payload', inIpv4(gmp(zeros(0)))],
    ['that is no InfiniBand packet though the port says so', inIpv4(zeros(5))],
  ])('%s', (_name, frame) => {
    expect(decode(frame)).toBeUndefined();
  });

  test.each([
    ['of another management class', inIpv4(gmp(otherClass)), MAD_IN_IPV4_FRAME + 2],
    ['to another queue pair', inIpv4(gmp(mad(), { qpn: 17 })), BTH_IN_IPV4_FRAME + 8],
    ['of another opcode', inIpv4(gmp(mad(), { opcode: 0x04 })), BTH_IN_IPV4_FRAME + 1],
    ['to another UDP port', ethernet(IPV4, ipv4(udp(gmp(), { port: 53 }))), 60],
    ['of IPv4, of which no more is there', inIpv4(gmp()), 30],
  ])('%s, as soon as a cut one shows it', (_name, frame, length) => {
    expect(cut(frame, length)).toBeUndefined();
  });
});

describe('a CM message that cannot be decoded says why', () => {
  const cases: [name: string, frame: Uint8Array, code: string, error: string][] = [
    ['a MAD that is too short', inIpv4(gmp(mad().slice(0, 200))), 'TRUNCATED', 'mad needs 256 bytes, 200 are there'],
    ['a MAD that is too long', inIpv4(gmp(join(mad(), zeros(4)))), 'OVERSIZED', 'mad has 256 bytes, 260 are given'],
    [
      'padding, which no MAD has',
      inIpv4(gmp(mad(), { padCount: 2 })),
      'TRUNCATED',
      'mad needs 256 bytes, 254 are there',
    ],
    ['another class version', inIpv4(gmp(patch(mad(), 2, [1]))), 'WRONG_CLASS_VERSION', 'classVersion is 0x1, not 0x2'],
    ['another base version', inIpv4(gmp(patch(mad(), 0, [2]))), 'WRONG_BASE_VERSION', 'baseVersion is 0x2, not 0x1'],
    ['another method', inIpv4(gmp(patch(mad(), 3, [1]))), 'WRONG_METHOD', 'method is 0x1, not 0x3'],
    [
      'an attribute that is none',
      inIpv4(gmp(patch(mad(), 16, [0, 0x1b]))),
      'UNKNOWN_ATTRIBUTE',
      'attributeId 0x001b is not a CM message',
    ],
  ];
  test.each(cases)('%s', (_name, frame, code, error) => {
    expect(decode(sealed(frame))).toEqual({
      kind: 'undecoded',
      frame: 7,
      timestamp: { seconds: 1, nanoseconds: 0 },
      source: '10.77.0.3',
      destination: '10.77.0.2',
      icrc: 'ok',
      code,
      error,
    });
  });

  // From the UDP ports on it is known to be RoCEv2; up to the last byte there is too little.
  test.each([38, 42, 43, 50, 62, 64, 200, 321])('%i bytes of a packet', (length) => {
    const frame = inIpv4(gmp());
    const decoded = cut(frame, length);
    expect(frame).toHaveLength(322);
    expect(decoded).toMatchObject({
      kind: 'undecoded',
      code: 'TRUNCATED',
      error: `the capture kept ${length} of the packet's 322 bytes`,
      icrc: undefined,
    });
    const addresses = length < 42 ? [undefined, undefined] : ['10.77.0.3', '10.77.0.2'];
    expect([decoded].map((it) => it?.kind === 'undecoded' && [it.source, it.destination])).toEqual([addresses]);
  });

  test.each([
    ['native InfiniBand', lrh(gmp()), LinkType.infiniband, 100, 'LID 34'],
    ['native InfiniBand, up to its LRH', lrh(gmp()), LinkType.infiniband, 4, undefined],
    ['InfiniBand with a GRH', lrh(grh(gmp()), { next: 3 }), LinkType.infiniband, 60, 'fd77::3'],
    ['RoCEv1', ethernet(ROCE_V1, grh(gmp())), LinkType.ethernet, 100, 'fd77::3'],
    ['RoCEv1, up to its GRH', ethernet(ROCE_V1, grh(gmp())), LinkType.ethernet, 30, undefined],
    ['RoCEv2 over IPv6', inIpv6(gmp()), LinkType.ethernet, 100, 'fd77::3'],
  ])('a part of a packet of %s', (_name, frame, linkType, length, source) => {
    const decoded = decodeRecord(recordOf(frame.slice(0, length), linkType, frame.length));
    expect(decoded).toMatchObject({ kind: 'undecoded', code: 'TRUNCATED', source });
  });

  test.each([
    ['a fragment', ethernet(IPV4, ipv4(udp(gmp()), { fragmentation: 0x2000 })), 'FRAGMENT'],
    ['a fragment over IPv6', ethernet(IPV6, ipv6(join(fragment(17, 0, true), udp(gmp())), { next: 44 })), 'FRAGMENT'],
    ['a UDP length beyond the IP packet', ethernet(IPV4, ipv4(udp(gmp(), { length: 400 }))), 'WRONG_LENGTH'],
    ['an IP length that cannot be', ethernet(IPV4, ipv4(udp(gmp()), { totalLength: 10 })), 'WRONG_LENGTH'],
    ['an IP length beyond the frame', ethernet(IPV4, ipv4(udp(gmp()), { totalLength: 1400 })), 'TRUNCATED'],
  ])('%s', (_name, frame, code) => {
    expect(decode(frame)).toMatchObject({ kind: 'undecoded', code });
  });
});

test('records of a link type that is not read are told apart', () => {
  expect(decode(zeros(60), 147)).toEqual({
    kind: 'foreign',
    frame: 7,
    timestamp: { seconds: 1, nanoseconds: 0 },
    linkType: 147,
  });
});

/** `isPlainData` looks at Ethernet only: as raw IP the same packet takes the long way. */
test('the short way for data packets and the long one come to the same result, whatever the bytes', () => {
  const ETHERNET_BYTES = 14;
  const packets = [inIpv4, inIpv6].flatMap((wrap) =>
    [gmp(), gmp(mad(), { qpn: 17 }), gmp(mad(), { opcode: 0x0a }), gmp(patch(mad(), 1, [3])), gmp(zeros(0))].map(wrap),
  );
  const change = fc.tuple(fc.nat(99), fc.oneof(fc.nat(255), fc.constantFrom(0x45, 17, 44, 0x64, 0x12, 0xb7)));
  const input = fc.tuple(fc.constantFrom(...packets), fc.array(change, { maxLength: 4 }), fc.nat(400));
  fc.assert(
    fc.property(input, ([packet, changes, length]) => {
      const frame = packet.slice(0, Math.max(ETHERNET_BYTES + 1, length));
      const version = (frame[ETHERNET_BYTES] ?? 0) & 0xf0;
      for (const [at, value] of changes) if (ETHERNET_BYTES + at < frame.length) frame[ETHERNET_BYTES + at] = value;
      // The version stays the Ethernet type's: else raw IP would be read as the other one.
      frame[ETHERNET_BYTES] = version | ((frame[ETHERNET_BYTES] ?? 0) & 0x0f);
      const verdict = (data: Uint8Array, linkType: number) => {
        const decoded = decodeRecord(recordOf(data, linkType, data.length));
        return decoded?.kind === 'undecoded' ? [decoded.kind, decoded.code, decoded.source] : [decoded?.kind];
      };
      expect(verdict(frame, LinkType.ethernet)).toEqual(verdict(frame.slice(ETHERNET_BYTES), LinkType.raw));
    }),
    { numRuns: 3_000 },
  );
});
