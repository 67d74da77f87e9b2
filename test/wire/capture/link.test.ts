import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../../src/base/index.js';
import {
  ERF_EXTENSION_HEADERS_MAX,
  IPV6_EXTENSION_HEADERS_MAX,
  LinkType,
  locateTransport,
  VLAN_TAGS_MAX,
} from '../../../src/wire/capture/index.js';
import { fields, join, patch, zeros } from './bytes.js';
import {
  cooked,
  cooked2,
  erf,
  ethernet,
  extension,
  fragment,
  grh,
  ipv4,
  ipv6,
  lrh,
  roceIpv4,
  roceIpv6,
  SOURCE_PORT,
  TRANSPORT_BYTES,
  transport,
  udp,
} from './packets.js';

const family = (value: number, littleEndian: boolean): Uint8Array => fields([[value, 4]], littleEndian);
const roceV1 = grh(transport);
const local = lrh(transport);
const global = lrh(grh(transport), { next: 3 });
const PADDING = zeros(2);

const places = [
  { name: 'Ethernet', linkType: LinkType.ethernet, data: ethernet(0x0800, roceIpv4), at: 14, ip: 4 },
  { name: 'Ethernet, IPv6', linkType: LinkType.ethernet, data: ethernet(0x86dd, roceIpv6), at: 14, ip: 6 },
  { name: 'a VLAN', linkType: LinkType.ethernet, data: ethernet(0x0800, roceIpv4, [0x8100]), at: 18, ip: 4 },
  {
    name: 'stacked VLANs',
    linkType: LinkType.ethernet,
    data: ethernet(0x86dd, roceIpv6, [0x88a8, 0x9100, 0x8100]),
    at: 26,
    ip: 6,
  },
  { name: 'raw IP', linkType: LinkType.raw, data: roceIpv4, at: 0, ip: 4 },
  { name: 'raw IP, IPv6', linkType: LinkType.raw, data: roceIpv6, at: 0, ip: 6 },
  { name: 'raw IP of the BSDs', linkType: LinkType.rawBsd, data: roceIpv4, at: 0, ip: 4 },
  { name: 'raw IP of OpenBSD', linkType: LinkType.rawOpenBsd, data: roceIpv6, at: 0, ip: 6 },
  { name: 'raw IPv4', linkType: LinkType.ipv4, data: roceIpv4, at: 0, ip: 4 },
  { name: 'raw IPv6', linkType: LinkType.ipv6, data: roceIpv6, at: 0, ip: 6 },
  { name: 'Linux cooked', linkType: LinkType.linuxCooked, data: cooked(0x0800, roceIpv4), at: 16, ip: 4 },
  { name: 'Linux cooked 2', linkType: LinkType.linuxCooked2, data: cooked2(0x86dd, roceIpv6), at: 20, ip: 6 },
  { name: 'loopback', linkType: LinkType.loop, data: join(family(2, false), roceIpv4), at: 4, ip: 4 },
  ...[24, 28, 30, 10].map((value) => ({
    name: `loopback, family ${value}`,
    linkType: LinkType.loop,
    data: join(family(value, false), roceIpv6),
    at: 4,
    ip: 6,
  })),
  { name: 'null, big-endian', linkType: LinkType.null, data: join(family(30, false), roceIpv6), at: 4, ip: 6 },
  { name: 'null, little-endian', linkType: LinkType.null, data: join(family(2, true), roceIpv4), at: 4, ip: 4 },
  {
    name: 'ERF Ethernet',
    linkType: LinkType.erf,
    data: erf(2, join(PADDING, ethernet(0x0800, roceIpv4))),
    at: 32,
    ip: 4,
  },
  { name: 'ERF IPv4', linkType: LinkType.erf, data: erf(22, roceIpv4), at: 16, ip: 4 },
  { name: 'ERF IPv6', linkType: LinkType.erf, data: erf(23, roceIpv6, 1), at: 24, ip: 6 },
];

describe('a RoCEv2 packet', () => {
  test.each(places)('is found in $name', ({ linkType, data, at, ip }) => {
    const length = ip === 4 ? 20 : 40;
    const found = locateTransport(data, linkType);
    expect(found).toMatchObject({
      transport: 'rocev2',
      headerOffset: at,
      headerLength: length,
      udpOffset: at + length,
      sourcePort: SOURCE_PORT,
      bthOffset: at + length + 8,
      end: at + length + 8 + TRANSPORT_BYTES,
    });
    if (found?.transport !== 'rocev2') expect.fail('not found');
    expect(formatAddress(found.sourceGid)).toBe(ip === 4 ? '10.77.0.3' : 'fd77::3');
    expect(formatAddress(found.destinationGid)).toBe(ip === 4 ? '10.77.0.2' : 'fd77::2');
    expect(data.subarray(found.bthOffset, found.end)).toEqual(transport);
  });

  test.each(places)('is found in $name whatever follows the IP packet', ({ linkType, data }) => {
    // An ERF record says itself where it ends.
    expect(locateTransport(join(data, zeros(18)), linkType)).toEqual(locateTransport(data, linkType));
  });

  test.each(places)('cut off anywhere in $name is reported as truncated', ({ linkType, data }) => {
    for (let length = 0; length < data.length; length += 1) {
      const found = locateTransport(data.subarray(0, length), linkType);
      expect(found).toMatchObject({ transport: 'undecodable', reason: 'truncated' });
    }
  });

  test('is found behind IPv4 options', () => {
    const found = locateTransport(ipv4(udp(transport), { headerWords: 15 }), LinkType.raw);
    expect(found).toMatchObject({ headerOffset: 0, headerLength: 60, udpOffset: 60, bthOffset: 68 });
  });

  test('is found behind IPv6 extension headers', () => {
    const chain = join(extension(60), extension(43, 1), extension(60, 2), extension(17), udp(transport));
    const found = locateTransport(ipv6(chain, { next: 0 }), LinkType.raw);
    expect(found).toMatchObject({ transport: 'rocev2', headerOffset: 0, headerLength: 40 + 8 + 16 + 24 + 8 });
  });

  test('is found behind the header of a fragment that is the whole packet (RFC 6946)', () => {
    const found = locateTransport(ipv6(join(fragment(17, 0, false), udp(transport)), { next: 44 }), LinkType.raw);
    expect(found).toMatchObject({ transport: 'rocev2', headerOffset: 0, headerLength: 48 });
  });

  test('has GIDs of its own, not views of the record', () => {
    const data = Buffer.from(roceIpv6);
    const found = locateTransport(data, LinkType.raw);
    data.fill(0);
    if (found?.transport !== 'rocev2') expect.fail('not found');
    expect(formatAddress(found.sourceGid)).toBe('fd77::3');
    expect(found.sourceGid.constructor).toBe(Uint8Array);
  });

  test('is found in a record that lies within a larger buffer', () => {
    const within = join(zeros(5), roceIpv4, zeros(5)).subarray(5, 5 + roceIpv4.length);
    expect(locateTransport(within, LinkType.raw)).toEqual(locateTransport(roceIpv4, LinkType.raw));
  });
});

describe('a RoCEv1 packet', () => {
  const expected = {
    transport: 'rocev1',
    headerOffset: 14,
    headerLength: 40,
    bthOffset: 54,
    end: 54 + TRANSPORT_BYTES,
  };

  test('is found in an Ethernet frame of its own type, padding left out', () => {
    const found = locateTransport(ethernet(0x8915, join(roceV1, zeros(10))), LinkType.ethernet);
    expect(found).toMatchObject(expected);
    if (found?.transport !== 'rocev1') expect.fail('not found');
    expect(formatAddress(found.sourceGid)).toBe('fd77::3');
    expect(formatAddress(found.destinationGid)).toBe('fd77::2');
  });

  test('is found in a VLAN and in Linux cooked captures', () => {
    const tagged = ethernet(0x8915, roceV1, [0x8100]);
    expect(locateTransport(tagged, LinkType.ethernet)).toMatchObject({ transport: 'rocev1', bthOffset: 58 });
    expect(locateTransport(cooked(0x8915, roceV1), LinkType.linuxCooked)).toMatchObject({ bthOffset: 56 });
  });

  test('with a wrong version, a wrong next header or too little is not decoded', () => {
    const locate = (payload: Uint8Array) => locateTransport(ethernet(0x8915, payload), LinkType.ethernet);
    const wrong = { transport: 'undecodable', offset: 14, layer: 'grh' };
    expect(locate(grh(transport, { version: 4 }))).toEqual({ ...wrong, reason: 'version' });
    expect(locate(grh(transport, { next: 59 }))).toBeUndefined();
    expect(locate(roceV1.subarray(0, 39))).toEqual({ ...wrong, reason: 'truncated' });
    expect(locate(roceV1.subarray(0, -1))).toMatchObject({ reason: 'truncated', layer: 'bth' });
    expect(locate(grh(transport, { length: 15 }))).toMatchObject({ reason: 'length', layer: 'bth' });
  });
});

describe.each([
  { name: 'InfiniBand', linkType: LinkType.infiniband, wrap: (data: Uint8Array) => data, at: 0 },
  { name: 'ERF InfiniBand', linkType: LinkType.erf, wrap: (data: Uint8Array) => erf(21, data), at: 16 },
  { name: 'ERF with extension headers', linkType: LinkType.erf, wrap: (data: Uint8Array) => erf(21, data, 3), at: 40 },
])('a packet of an $name capture', ({ linkType, wrap, at }) => {
  const locate = (data: Uint8Array) => locateTransport(wrap(data), linkType);

  test('without GRH has LIDs only, and ends before its variant CRC', () => {
    expect(locate(local)).toEqual({
      transport: 'infiniband',
      sourceGid: undefined,
      destinationGid: undefined,
      sourceLid: 0x22,
      destinationLid: 0x11,
      headerOffset: at,
      headerLength: 8,
      bthOffset: at + 8,
      end: at + 8 + TRANSPORT_BYTES,
    });
  });

  test('with GRH has GIDs too', () => {
    const found = locate(global);
    expect(found).toMatchObject({
      transport: 'infiniband',
      sourceLid: 0x22,
      destinationLid: 0x11,
      headerOffset: at,
      headerLength: 48,
      bthOffset: at + 48,
      end: at + 48 + TRANSPORT_BYTES,
    });
    if (found?.transport !== 'infiniband' || found.sourceGid === undefined) expect.fail('not found');
    expect(formatAddress(found.sourceGid)).toBe('fd77::3');
  });

  test('is found if the capture left the variant CRC out', () => {
    expect(locate(local.subarray(0, -2))).toMatchObject({ end: at + 8 + TRANSPORT_BYTES });
  });

  test('takes the upper bits of the length field for reserved', () => {
    const words = 0xf800 | ((8 + TRANSPORT_BYTES) / 4);
    expect(locate(lrh(transport, { words }))).toMatchObject({ end: at + 8 + TRANSPORT_BYTES });
  });

  test('cut off is reported as truncated', () => {
    expect(locate(local.subarray(0, 7))).toMatchObject({ reason: 'truncated', layer: 'lrh', offset: at });
    expect(locate(local.subarray(0, -3))).toMatchObject({ reason: 'truncated', layer: 'bth' });
    expect(locate(global.subarray(0, 47))).toMatchObject({ reason: 'truncated', layer: 'grh', offset: at + 8 });
    expect(locate(global.subarray(0, -3))).toMatchObject({ reason: 'truncated', layer: 'bth' });
  });

  test('whose lengths cannot be is reported', () => {
    expect(locate(lrh(transport, { words: 5 }))).toMatchObject({ reason: 'length', layer: 'bth' });
    expect(locate(lrh(grh(transport), { next: 3, words: 79 }))).toMatchObject({ reason: 'length', layer: 'grh' });
    expect(locate(lrh(transport, { version: 1 }))).toMatchObject({ reason: 'version', layer: 'lrh' });
  });

  test('that is raw is something else', () => {
    expect(locate(lrh(transport, { next: 0 }))).toBeUndefined();
    expect(locate(lrh(roceIpv6, { next: 1 }))).toBeUndefined();
    expect(locate(lrh(grh(transport, { next: 58 }), { next: 3 }))).toBeUndefined();
  });
});

describe('lies of the headers', () => {
  test.each([
    { lie: 'an IPv4 header of four words', data: ipv4(udp(transport), { headerWords: 4 }), layer: 'ipv4' },
    { lie: 'a total length below the header', data: ipv4(udp(transport), { totalLength: 19 }), layer: 'ipv4' },
    { lie: 'a total length of 0', data: ipv4(udp(transport), { totalLength: 0 }), layer: 'ipv4' },
    {
      lie: 'a total length that ends in the UDP header',
      data: ipv4(udp(transport), { totalLength: 27 }),
      layer: 'udp',
    },
    { lie: 'a total length below the datagram', data: ipv4(udp(transport), { totalLength: 100 }), layer: 'udp' },
    { lie: 'a payload length of 0', data: ipv6(udp(transport), { length: 0 }), layer: 'udp' },
    { lie: 'a datagram longer than its packet', data: ipv4(udp(transport, { length: 289 })), layer: 'udp' },
    { lie: 'a datagram of no length', data: ipv4(udp(transport, { length: 0 })), layer: 'bth' },
    { lie: 'a datagram too short for a BTH and an ICRC', data: ipv4(udp(transport, { length: 23 })), layer: 'bth' },
    {
      lie: 'an extension header beyond its packet',
      data: ipv6(join(patch(extension(17), 1, [40]), udp(transport)), { next: 0 }),
      layer: 'ipv6',
    },
    { lie: 'an extension header cut by its packet', data: ipv6(zeros(6), { next: 60 }), layer: 'ipv6' },
  ])('$lie: a wrong length', ({ data, layer }) => {
    expect(locateTransport(data, LinkType.raw)).toMatchObject({ reason: 'length', layer });
  });

  test('an IP packet longer than what was captured is truncated', () => {
    for (const data of [ipv4(udp(transport), { totalLength: 60_000 }), ipv6(udp(transport), { length: 60_000 })]) {
      expect(locateTransport(data, LinkType.raw)).toMatchObject({ reason: 'truncated', layer: 'udp' });
    }
  });

  test('a datagram shorter than its packet ends where it says', () => {
    expect(locateTransport(ipv4(udp(transport, { length: 100 })), LinkType.raw)).toMatchObject({ end: 120 });
  });

  test('an IP version that does not fit its place', () => {
    const wrong = { reason: 'version' };
    expect(locateTransport(roceIpv6, LinkType.ipv4)).toMatchObject(wrong);
    expect(locateTransport(roceIpv4, LinkType.ipv6)).toMatchObject({ ...wrong, reason: 'version' });
    expect(locateTransport(ethernet(0x86dd, roceIpv4), LinkType.ethernet)).toMatchObject(wrong);
    expect(locateTransport(zeros(60), LinkType.raw)).toMatchObject(wrong);
  });

  test('an ERF record shorter than its own header', () => {
    expect(locateTransport(erf(21, local, 0, 15), LinkType.erf)).toMatchObject({ reason: 'length', layer: 'erf' });
  });

  test('an ERF record that says it is longer than what was captured is judged by what is in it', () => {
    expect(locateTransport(erf(21, local, 0, 60_000), LinkType.erf)).toMatchObject({ transport: 'infiniband' });
  });

  test('an ERF record whose extension headers do not end', () => {
    const endless = patch(erf(21, zeros(4), 2), 24, [0x83]);
    expect(locateTransport(endless, LinkType.erf)).toMatchObject({ reason: 'truncated', layer: 'erf' });
  });
});

describe('fragments', () => {
  const undecodable = { transport: 'undecodable', reason: 'fragment' };

  test('of a datagram are reported, the first one and the rest', () => {
    expect(locateTransport(ipv4(udp(transport), { fragmentation: 0x2000 }), LinkType.raw)).toMatchObject(undecodable);
    expect(locateTransport(ipv4(transport, { fragmentation: 0x0010 }), LinkType.raw)).toMatchObject(undecodable);
    const first = ipv6(join(fragment(17, 0, true), udp(transport)), { next: 44 });
    expect(locateTransport(first, LinkType.raw)).toMatchObject(undecodable);
    const later = ipv6(join(fragment(17, 5, false), transport), { next: 44 });
    expect(locateTransport(later, LinkType.raw)).toMatchObject(undecodable);
  });

  test('that cannot be RoCE are something else', () => {
    const dns = ipv4(udp(transport, { port: 53 }), { fragmentation: 0x2000 });
    expect(locateTransport(dns, LinkType.raw)).toBeUndefined();
    expect(locateTransport(ipv4(transport, { fragmentation: 0x0010, protocol: 6 }), LinkType.raw)).toBeUndefined();
    // What a later fragment begins with is no header, though its next header says so.
    const options = ipv6(join(fragment(60, 5, false), zeros(64)), { next: 44 });
    expect(locateTransport(options, LinkType.raw)).toBeUndefined();
  });
});

describe('headers on top of each other', () => {
  test('VLAN tags are followed up to the limit', () => {
    const tags = Array.from({ length: VLAN_TAGS_MAX }, () => 0x88a8);
    expect(locateTransport(ethernet(0x0800, roceIpv4, tags), LinkType.ethernet)?.transport).toBe('rocev2');
    const more = ethernet(0x0800, roceIpv4, [...tags, 0x8100]);
    expect(locateTransport(more, LinkType.ethernet)).toMatchObject({ reason: 'nesting', layer: 'vlan' });
  });

  test('IPv6 extension headers are followed up to the limit', () => {
    const chain = (count: number): Uint8Array => {
      const headers = Array.from({ length: count }, (_, i) => extension(i < count - 1 ? 60 : 17));
      return ipv6(join(...headers, udp(transport)), { next: 60 });
    };
    expect(locateTransport(chain(IPV6_EXTENSION_HEADERS_MAX), LinkType.raw)?.transport).toBe('rocev2');
    const more = chain(IPV6_EXTENSION_HEADERS_MAX + 1);
    expect(locateTransport(more, LinkType.raw)).toMatchObject({ reason: 'nesting', layer: 'ipv6' });
  });

  test('ERF extension headers are followed up to the limit', () => {
    const most = erf(21, local, ERF_EXTENSION_HEADERS_MAX);
    expect(locateTransport(most, LinkType.erf)?.transport).toBe('infiniband');
    const more = erf(21, local, ERF_EXTENSION_HEADERS_MAX + 1);
    expect(locateTransport(more, LinkType.erf)).toMatchObject({ reason: 'nesting', layer: 'erf' });
  });
});

describe('what is not InfiniBand', () => {
  test.each([
    { what: 'ARP', linkType: LinkType.ethernet, data: ethernet(0x0806, zeros(46)) },
    { what: 'an 802.3 frame', linkType: LinkType.ethernet, data: ethernet(46, zeros(46)) },
    { what: 'TCP', linkType: LinkType.raw, data: ipv4(zeros(40), { protocol: 6 }) },
    { what: 'TCP cut short', linkType: LinkType.raw, data: ipv4(zeros(8), { protocol: 6, totalLength: 1_500 }) },
    { what: 'ICMPv6', linkType: LinkType.raw, data: ipv6(zeros(40), { next: 58 }) },
    { what: 'another port', linkType: LinkType.raw, data: ipv4(udp(transport, { port: 4790 })) },
    {
      what: 'another port cut short',
      linkType: LinkType.raw,
      data: ipv4(udp(transport, { port: 53 })).subarray(0, 28),
    },
    { what: 'another family', linkType: LinkType.null, data: join(family(7, true), roceIpv4) },
    { what: 'another family of a loop device', linkType: LinkType.loop, data: join(family(2, true), roceIpv4) },
    { what: 'netlink', linkType: LinkType.linuxCooked, data: cooked(0x0800, roceIpv4, 824) },
    { what: 'GRE', linkType: LinkType.linuxCooked2, data: cooked2(0x0800, roceIpv4, 778) },
    { what: 'an ERF record of another type', linkType: LinkType.erf, data: erf(25, local) },
  ])('$what is passed over', ({ linkType, data }) => {
    expect(locateTransport(data, linkType)).toBeUndefined();
  });

  test('a link type that is not known is reported as such', () => {
    expect(locateTransport(roceIpv4, 105)).toMatchObject({ reason: 'link-type', layer: 'link', offset: 0 });
  });
});

test('damaged packets of any link type never throw, and what is found lies in the record', () => {
  const samples = [
    ...places,
    { linkType: LinkType.ethernet, data: ethernet(0x8915, roceV1) },
    { linkType: LinkType.infiniband, data: global },
    { linkType: LinkType.erf, data: erf(21, local, 2) },
  ];
  const damage = fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 5 });
  fc.assert(
    fc.property(fc.constantFrom(...samples), damage, fc.nat(), ({ linkType, data }, changes, place) => {
      const damaged = data.slice(0, place % (data.length + 1));
      for (const [offset, value] of changes) if (offset < damaged.length) damaged[offset] = value;
      const found = locateTransport(damaged, linkType);
      if (found === undefined || found.transport === 'undecodable') return;
      expect(found.bthOffset).toBeGreaterThanOrEqual(found.headerOffset + found.headerLength);
      expect(found.end - found.bthOffset).toBeGreaterThanOrEqual(16);
      expect(found.end).toBeLessThanOrEqual(damaged.length);
    }),
    { numRuns: 2_000 },
  );
});
