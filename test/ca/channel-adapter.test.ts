import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CaGuid, GSI_QPN, type Instant, parseGid, SeededRandom } from '../../src/base/index.js';
import {
  ChannelAdapter,
  CM_PACKET_BYTES,
  type DatagramSource,
  PACKET_DROP_REASONS,
  type PacketDropReason,
} from '../../src/ca/index.js';
import type { CepOwner } from '../../src/cep/index.js';
import {
  BTH,
  BTH_BYTES,
  DETH,
  DETH_BYTES,
  decodeMad,
  encodeMad,
  GSI_Q_KEY,
  Icrc,
  MAD_BYTES,
  OPCODE_UD_SEND_ONLY,
  serviceIdOfPort,
} from '../../src/wire/index.js';

const NOW = 1_000 as Instant;
const MAD_OFFSET = BTH_BYTES + DETH_BYTES;
const OURS = parseGid('10.0.0.1');
const THEIRS = parseGid('10.0.0.2');
const OURS6 = parseGid('fd00::1');
const THEIRS6 = parseGid('fd00::2');
const SOURCE: DatagramSource = { port: 1, remoteGid: THEIRS, sourcePort: 55_410 };
const SOURCE6: DatagramSource = { port: 2, remoteGid: THEIRS6, sourcePort: 55_410 };

function adapterOf(icrc?: 'verify' | 'ignore', seed = 1): ChannelAdapter {
  return new ChannelAdapter({
    caGuid: 0x1111n as CaGuid,
    random: new SeededRandom(seed),
    ports: [{ gid: OURS }, { gid: OURS6 }],
    limits: { maxCeps: 32, maxMads: 64, maxTransmits: 64 },
    ...(icrc && { icrc }),
  });
}

let adapter: ChannelAdapter;
let owner: CepOwner;
beforeEach(() => {
  adapter = adapterOf();
  owner = adapter.cep.openOwner();
});

/** Writes the right ICRC behind a packet to the adapter. */
function seal(packet: Uint8Array, { remoteGid, sourcePort }: DatagramSource = SOURCE, identification = 0): Uint8Array {
  const destination = remoteGid === THEIRS6 ? OURS6 : OURS;
  const ends = { source: remoteGid, sourceOffset: 0, destination, destinationOffset: 0, sourcePort };
  new Icrc().seal(ends, identification, packet, 0, packet.length);
  return packet;
}

/** A DREQ of an unknown connection: the manager answers it, so it shows that a packet has come through. */
function packetOf(
  source = SOURCE,
  change: (packet: Uint8Array) => void = () => undefined,
  identification = 0,
): Uint8Array {
  const packet = new Uint8Array(CM_PACKET_BYTES);
  BTH.opcode.put(packet, 0, OPCODE_UD_SEND_ONLY);
  BTH.pKey.put(packet, 0, 0xffff);
  BTH.destinationQpn.put(packet, 0, GSI_QPN);
  DETH.qKey.put(packet, BTH_BYTES, GSI_Q_KEY);
  DETH.sourceQpn.put(packet, BTH_BYTES, GSI_QPN);
  const mad = new Uint8Array(MAD_BYTES);
  encodeMad({ message: 'DREQ', fields: { localCommId: 5, remoteCommId: 6, remoteQpnEecn: 7 } }, mad);
  packet.set(mad, MAD_OFFSET);
  change(packet);
  return seal(packet, source, identification);
}

/** What a packet leads to: why it was dropped, or 'passed'. */
function fateOf(packet: Uint8Array, source = SOURCE, at = 0, length = packet.length - at, to = adapter): string {
  const before = { ...to.drops };
  const received = to.cep.counters.received.DREQ;
  to.handleDatagram(packet, at, length, source, NOW);
  const reasons = (Object.keys(to.drops) as PacketDropReason[]).filter((reason) => to.drops[reason] > before[reason]);
  if (to.cep.counters.received.DREQ > received) reasons.push('passed' as never);
  return reasons.join(', ');
}

describe('A packet is dropped, and counted, for', () => {
  it.each([
    ['length', 'no bytes at all', new Uint8Array(0)],
    ['length', 'less than a BTH and an ICRC', new Uint8Array(15)],
    ['length', 'a byte less than a CM packet', seal(packetOf().slice(0, CM_PACKET_BYTES - 1))],
    ['length', 'a byte more than a CM packet', seal(Uint8Array.from([...packetOf(), 0]))],
    ['length', 'padding', packetOf(SOURCE, (packet) => BTH.padCount.put(packet, 0, 1))],
    ['headerVersion', 'another transport version', packetOf(SOURCE, (packet) => BTH.headerVersion.put(packet, 0, 1))],
    ['noQueuePair', 'queue pair 0', packetOf(SOURCE, (packet) => BTH.destinationQpn.put(packet, 0, 0))],
    ['noQueuePair', 'queue pair 2', packetOf(SOURCE, (packet) => BTH.destinationQpn.put(packet, 0, 2))],
    [
      'noQueuePair',
      'an RC packet to another queue pair',
      packetOf(SOURCE, (packet) => packet.set([0x04, 0, 0xff, 0xff, 0, 0, 1, 0])),
    ],
    ['opcode', 'RC send only', packetOf(SOURCE, (packet) => BTH.opcode.put(packet, 0, 0x04))],
    ['opcode', 'UD send only with immediate', packetOf(SOURCE, (packet) => BTH.opcode.put(packet, 0, 0x65))],
    ['pKey', 'another partition', packetOf(SOURCE, (packet) => BTH.pKey.put(packet, 0, 0x8001))],
    ['pKey', 'the invalid P_Key', packetOf(SOURCE, (packet) => BTH.pKey.put(packet, 0, 0))],
    ['qKey', 'a wrong Q_Key', packetOf(SOURCE, (packet) => DETH.qKey.put(packet, BTH_BYTES, 0x8001_0001))],
    ['qKey', 'Q_Key 0', packetOf(SOURCE, (packet) => DETH.qKey.put(packet, BTH_BYTES, 0))],
  ] as [PacketDropReason, string, Uint8Array][])('%s: %s', (reason, _, packet) => {
    expect(fateOf(packet)).toBe(reason);
    expect(adapter.pollTransmit(new Uint8Array(CM_PACKET_BYTES), 0)).toBeUndefined();
  });

  it('icrc: a bit that is not what was sent, wherever it is', () => {
    const { fecn, becn } = BTH;
    expect([fecn, becn].map((field) => field.get(packetOf(), 0))).toEqual([0, 0]);
    for (let byte = 0; byte < CM_PACKET_BYTES; byte += 1) {
      const packet = packetOf(SOURCE6);
      packet[byte] = (packet[byte] as number) ^ 0x10;
      // The byte of the congestion bits is not covered: routers set them.
      const covered = byte !== 4;
      expect([byte, fateOf(packet, SOURCE6) === 'passed']).toEqual([byte, !covered]);
    }
  });

  it('icrc: another address or source port than the sender meant', () => {
    expect(fateOf(packetOf(), { ...SOURCE, remoteGid: parseGid('10.0.0.3'), identification: 0 })).toBe('icrc');
    expect(fateOf(packetOf(), { ...SOURCE, sourcePort: 1, identification: 0 })).toBe('icrc');
    expect(fateOf(packetOf(SOURCE6), { ...SOURCE6, sourcePort: 1 })).toBe('icrc');
  });

  it('every reason there is', () => {
    expect(Object.keys(adapter.drops)).toEqual(Object.keys(PACKET_DROP_REASONS));
  });
});

describe('A packet passes', () => {
  it('as it should be, over IPv4 and IPv6', () => {
    expect([fateOf(packetOf()), fateOf(packetOf(SOURCE6), SOURCE6)]).toEqual(['passed', 'passed']);
  });

  it.each([
    ['any PSN', (packet: Uint8Array) => BTH.psn.put(packet, 0, 0xabcdef)],
    ['any source queue pair', (packet: Uint8Array) => DETH.sourceQpn.put(packet, BTH_BYTES, 0x1234)],
    ['a request for an acknowledgement, as Linux sends', (packet: Uint8Array) => BTH.ackRequest.put(packet, 0, 1)],
    ['the solicited bit', (packet: Uint8Array) => BTH.solicitedEvent.put(packet, 0, 1)],
    ['the migration bit', (packet: Uint8Array) => BTH.migration.put(packet, 0, 1)],
    ['congestion bits', (packet: Uint8Array) => BTH.fecn.put(packet, 0, 1)],
    ['limited membership of the default partition', (packet: Uint8Array) => BTH.pKey.put(packet, 0, 0x7fff)],
  ])('with %s', (_, change) => {
    expect(fateOf(packetOf(SOURCE, change))).toBe('passed');
  });

  it('with any IPv4 identification that the driver does not know, and only with the right one that it knows', () => {
    const packet = packetOf(SOURCE, undefined, 0xbeef);
    expect(fateOf(packet)).toBe('passed');
    expect(fateOf(packet, { ...SOURCE, identification: 0xbeef })).toBe('passed');
    expect(fateOf(packet, { ...SOURCE, identification: 0xbeee })).toBe('icrc');
  });

  it('with a wrong ICRC if that is to be ignored, and then only', () => {
    const packet = packetOf(SOURCE6);
    packet[CM_PACKET_BYTES - 1] = (packet[CM_PACKET_BYTES - 1] as number) ^ 1;
    expect(fateOf(packet, SOURCE6, 0, packet.length, adapterOf('verify'))).toBe('icrc');
    expect(fateOf(packet, SOURCE6, 0, packet.length, adapterOf('ignore'))).toBe('passed');
  });

  it('wherever it lies in the buffer', () => {
    const buffer = new Uint8Array(1_000).fill(0xee);
    buffer.set(packetOf(), 333);
    expect(fateOf(buffer, SOURCE, 333, CM_PACKET_BYTES)).toBe('passed');
    expect(fateOf(buffer, SOURCE, 1_000 - CM_PACKET_BYTES + 1, CM_PACKET_BYTES)).toBe('length');
  });
});

describe('Whatever arrives', () => {
  it('of any length and content is dropped or handled, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, six) => {
        fateOf(bytes, six ? SOURCE6 : SOURCE, 0, bytes.length, adapterOf('ignore'));
      }),
      { numRuns: 300 },
    );
  });

  it('as a CM packet with any bytes changed and cut anywhere is dropped or handled, and nothing is thrown', () => {
    const lenient = adapterOf('ignore');
    const listening = lenient.cep.openOwner();
    listening.listen(listening.create(), { serviceId: serviceIdOfPort('tcp', 7471), backlog: 4 }, NOW);
    const into = new Uint8Array(CM_PACKET_BYTES);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(CM_PACKET_BYTES - 1), fc.nat(255)), { maxLength: 20 }),
        fc.oneof(fc.constant(CM_PACKET_BYTES), fc.nat(CM_PACKET_BYTES)),
        fc.nat(12),
        (changes, length, message) => {
          const packet = packetOf(SOURCE, (bytes) => {
            bytes[MAD_OFFSET + 17] = 0x10 + message;
            for (const [at, value] of changes) bytes[at] = value;
          });
          lenient.handleDatagram(packet, 0, length, SOURCE, NOW);
          for (let event = listening.pollEvent(); event; event = listening.pollEvent());
          while (lenient.pollTransmit(into, 0));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('on a port that the adapter does not have is the driver’s mistake', () => {
    expect(() => fateOf(packetOf(), { ...SOURCE, port: 3 })).toThrow('the adapter has ports 1 to 2, not 3');
    expect(() => adapter.gid(0)).toThrow(RangeError);
  });
});

describe('What is sent', () => {
  const into = new Uint8Array(CM_PACKET_BYTES + 20).fill(0xee);

  function sendReq(port: 1 | 2, sourcePort?: number): void {
    const [localGid, remoteGid] = port === 1 ? [OURS, THEIRS] : [OURS6, THEIRS6];
    owner.sendReq(
      owner.create(),
      {
        path: { localGid, remoteGid, port, trafficClass: 0x68, ...(sourcePort !== undefined && { sourcePort }) },
        serviceId: serviceIdOfPort('tcp', 1),
        qpn: 0x100 + adapter.cep.usage().ceps,
        startingPsn: 0,
      },
      NOW,
    );
  }

  it.each([1, 2] as const)(
    'from port %i has the headers of QP1 and an ICRC that the other side finds right',
    (port) => {
      sendReq(port, 50_000);
      const sent = adapter.pollTransmit(into, 10);
      expect(sent).toMatchObject({ length: CM_PACKET_BYTES, sourcePort: 50_000, path: { port, trafficClass: 0x68 } });
      const packet = into.slice(10, 10 + CM_PACKET_BYTES);
      expect([into[9], into[10 + CM_PACKET_BYTES]]).toEqual([0xee, 0xee]);
      expect(Object.entries(BTH).map(([name, field]) => [name, field.get(packet, 0)])).toMatchObject([
        ['opcode', 0x64],
        ['solicitedEvent', 0],
        ['migration', 0],
        ['padCount', 0],
        ['headerVersion', 0],
        ['pKey', 0xffff],
        ['fecn', 0],
        ['becn', 0],
        ['destinationQpn', 1],
        ['ackRequest', 0],
        ['psn', expect.any(Number)],
      ]);
      expect([DETH.qKey.get(packet, BTH_BYTES), DETH.sourceQpn.get(packet, BTH_BYTES)]).toEqual([0x8001_0000, 1]);
      expect(decodeMad(packet.subarray(MAD_OFFSET, MAD_OFFSET + MAD_BYTES))).toMatchObject({ message: 'REQ' });
      const [source, destination] = port === 1 ? [OURS, THEIRS] : [OURS6, THEIRS6];
      const ends = { source, sourceOffset: 0, destination, destinationOffset: 0, sourcePort: 50_000 };
      expect(new Icrc().verify(ends, 0, packet, 0, packet.length)).toBe(true);
    },
  );

  it('comes from UDP port 4791 unless another is asked for', () => {
    sendReq(1);
    expect(adapter.pollTransmit(into, 0)?.sourcePort).toBe(4791);
  });

  it('counts each port’s PSN on its own, from a random one, round the 24 bits', () => {
    const psns: Record<number, number[]> = { 1: [], 2: [] };
    for (const port of [1, 2, 1, 1, 2] as const) {
      sendReq(port);
      adapter.pollTransmit(into, 0);
      psns[port]?.push(BTH.psn.get(into, 0));
    }
    const [first, second] = [psns[1] as number[], psns[2] as number[]];
    expect(first).toEqual([0, 1, 2].map((step) => ((first[0] as number) + step) & 0xff_ffff));
    expect(second).toEqual([0, 1].map((step) => ((second[0] as number) + step) & 0xff_ffff));
    expect(first[0]).not.toBe(second[0]);
  });

  it('begins a new round of PSNs after 0xffffff', () => {
    const highest = new ChannelAdapter({
      caGuid: 1n as CaGuid,
      random: { uint32: () => 0xffff_ffff },
      ports: [{ gid: OURS }],
      limits: { maxCeps: 4, maxMads: 8, maxTransmits: 4 },
    });
    const psns = [5, 6].map(() => {
      highest.handleDatagram(packetOf(), 0, CM_PACKET_BYTES, SOURCE, NOW);
      highest.pollTransmit(into, 0);
      return BTH.psn.get(into, 0);
    });
    expect(psns).toEqual([0xff_ffff, 0]);
  });

  it('answers to where the packet came from, not from its source port', () => {
    expect(fateOf(packetOf())).toBe('passed');
    expect(adapter.pollTransmit(into, 0)).toMatchObject({ sourcePort: 4791, path: { port: 1, remoteGid: THEIRS } });
    expect(adapter.pollTransmit(into, 0)).toBeUndefined();
  });

  it('keeps the address it was given, whatever becomes of the driver’s copy', () => {
    const gid = OURS.slice();
    const copy = new ChannelAdapter({ caGuid: 1n as CaGuid, random: new SeededRandom(1), ports: [{ gid }] });
    gid.fill(0);
    expect(copy.gid(1)).toEqual(OURS);
  });
});
