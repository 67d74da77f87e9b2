import { describe, expect, it } from 'vitest';
import { type Gid, type Instant, parseGid, ReferenceLedger, SeededRandom } from '../../src/base/index.js';
import { type MemoryRegion, PACKET_BYTES_MAX, TransportLayer } from '../../src/transport/index.js';
import { QueuePairTable } from '../../src/verbs/index.js';
import { AETH, BTH, BTH_BYTES, HEADER_BYTES, ICRC_BYTES, OPCODES, opcodeOf, RETH } from '../../src/wire/index.js';
import { packetsOf } from '../wire/captures.js';
import { ALL_ACCESS } from './fabric.js';

/**
 * What two Linux kernels said to each other, played again with one of them replaced by a queue pair of ours: it must answer the other's requests as Linux did, and its requests
 * must look as Linux's did. Both kernels gave their queue pairs the same number, which ours gets, too.
 */
const NOW = 5 as Instant;
const READ_REQUEST = opcodeOf('rc', 'rdmaReadRequest', 'only');
const WRITE = opcodeOf('rc', 'rdmaWrite', 'only');
const READ_RESPONSE = opcodeOf('rc', 'rdmaReadResponse', 'only');

interface Captured {
  readonly bytes: Uint8Array;
  readonly source: string;
  readonly opcode: number;
}

function rcPacketsOf(capture: string): Captured[] {
  return packetsOf(capture).flatMap(({ frame, packet, ipVersion, udpOffset }) => {
    const bytes = frame.bytes.slice(packet.bthOffset, packet.end);
    const opcode = bytes[0] as number;
    if (OPCODES.get(opcode)?.transport !== 'rc') return [];
    const source =
      ipVersion === 4
        ? frame.bytes.slice(udpOffset - 8, udpOffset - 4)
        : frame.bytes.slice(udpOffset - 32, udpOffset - 16);
    return [{ bytes, opcode, source: source.join('.') }];
  });
}

/** Without the ICRC, which depends on addresses, and MSN and credits, which are each side's own. */
function essence(packet: Uint8Array): number[] {
  const copy = packet.slice(0, packet.length - ICRC_BYTES);
  if (OPCODES.get(copy[0] as number)?.headers.includes('aeth')) {
    AETH.value.put(copy, BTH_BYTES, 0);
  }
  return [...copy];
}

const payloadOf = (packet: Uint8Array): Uint8Array => {
  const end = packet.length - ICRC_BYTES - BTH.padCount.get(packet, 0);
  return packet.slice(HEADER_BYTES[packet[0] as number], end);
};

/** A responder in the place of one side. */
class Stand {
  readonly layer: TransportLayer;
  readonly queues;
  readonly region: MemoryRegion;
  readonly peer: Gid = parseGid('10.0.0.2');
  readonly own: Gid = parseGid('10.0.0.1');
  readonly #buffer = new Uint8Array(PACKET_BYTES_MAX);
  readonly qpn: number;

  constructor(qpn: number, receivePsn: number, address: number, length: number) {
    this.layer = new TransportLayer({ random: new SeededRandom(1) });
    const ledger = new ReferenceLedger();
    const table = new QueuePairTable({ random: new SeededRandom(1), ledger });
    const queuePair = table.create({ transport: 'rc' });
    this.qpn = queuePair.qpn;
    const domain = this.layer.allocateProtectionDomain();
    const sendCompletions = this.layer.createCompletionQueue(256);
    this.queues = this.layer.attach(queuePair, { domain, sendCompletions });
    this.region = domain.register(new Uint8Array(length), { address, access: ALL_ACCESS });
    queuePair.modify({ state: 'INIT', pKey: 0xffff, port: 1, accessFlags: ALL_ACCESS & ~1 });
    const path = { port: 1, localGid: this.own, remoteGid: this.peer, trafficClass: 0, sourcePort: 0 };
    queuePair.modify({ state: 'RTR', path, mtu: 3, destinationQpn: qpn, receivePsn, responderResources: 4 });
  }

  /** @returns what it answers. */
  say(packet: Uint8Array): Uint8Array[] {
    this.layer.handlePacket(this.qpn, packet, 0, packet.length, { localGid: this.own, remoteGid: this.peer }, NOW);
    const answers: Uint8Array[] = [];
    for (let sent = this.layer.pollTransmit(this.#buffer, 0); sent; sent = this.layer.pollTransmit(this.#buffer, 0)) {
      answers.push(this.#buffer.slice(0, sent.length));
    }
    return answers;
  }
}

describe.each(['rping-ipv4', 'rping-ipv6', 'ucmatose-1'])('In %s', (capture) => {
  const packets = rcPacketsOf(capture);
  const sides = [...new Set(packets.map(({ source }) => source))];
  const isRequest = ({ opcode }: Captured): boolean =>
    ['send', 'rdmaWrite', 'rdmaReadRequest'].includes(OPCODES.get(opcode)?.operation as string);

  it.each([0, 1])('every request of side %i is answered as Linux answered it', (side) => {
    const requests = packets.filter((packet) => packet.source === sides[side] && isRequest(packet));
    const expected = packets.filter((packet) => packet.source !== sides[side] && !isRequest(packet));
    const addressed = requests.filter(({ opcode }) => opcode === READ_REQUEST || opcode === WRITE);
    const addresses = addressed.map(({ bytes }) => Number(RETH.address.get(bytes, BTH_BYTES)));
    const address = addresses.length === 0 ? 0 : Math.min(...addresses);
    const length = addresses.length === 0 ? 0 : Math.max(...addresses) - address + 4_096;
    const [first] = requests as [Captured];
    const qpn = BTH.destinationQpn.get(first.bytes, 0);
    const stand = new Stand(qpn, BTH.psn.get(first.bytes, 0), address, length);
    const receives = new Uint8Array(4_096);
    const into = stand.region.domain.register(receives, { access: 1 });
    const answers: Uint8Array[] = [];
    for (const { bytes, opcode } of requests) {
      const request = bytes.slice();
      if (opcode === READ_REQUEST || opcode === WRITE) {
        // Linux's key is not ours.
        RETH.rKey.put(request, BTH_BYTES, stand.region.rkey);
      }
      if (opcode === READ_REQUEST) {
        const response = expected.find(
          (packet) => packet.opcode === READ_RESPONSE && BTH.psn.get(packet.bytes, 0) === BTH.psn.get(bytes, 0),
        );
        stand.region.bytes.set(
          payloadOf((response as Captured).bytes),
          Number(RETH.address.get(bytes, BTH_BYTES)) - address,
        );
      }
      stand.queues.postReceive({ elements: [into.element()] });
      answers.push(...stand.say(request));
      if (opcode === WRITE) {
        const at = Number(RETH.address.get(bytes, BTH_BYTES)) - address;
        const written = payloadOf(bytes);
        expect(stand.region.bytes.slice(at, at + written.length)).toEqual(written);
      }
    }
    expect(answers.map(essence)).toEqual(expected.map(({ bytes }) => essence(bytes)));
  });
});
