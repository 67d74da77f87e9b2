import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { parseGid } from 'ibcm/base';
import type { Row } from './row.js';

const ROCE_PORT = 4791;
/** tshark takes the first bytes of a send's data for a header, and a send of a few bytes, or none, for one that is cut off. */
const MALFORMED = '_ws.malformed && !(infiniband.bth.opcode in {4, 23} && udp.length <= 36)';
const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;
/** Before an IPv4 address in a GID. */
const IPV4_MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/**
 * What programs and arithmetic that are not the library's say of all packets of a run. Deletes the file unless it shows something wrong.
 * @param damaged how many packets were damaged on purpose, by the address that sent them.
 */
export function checkWire(
  file: string,
  keep: boolean,
  damaged: ReadonlyMap<string, number>,
): Pick<Row, 'scenario' | 'result' | 'error' | 'received'>[] {
  const malformed = execFileSync('tshark', ['-r', file, '-Y', MALFORMED], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = malformed.split('\n').filter((line) => line !== '');
  const { packets, bad: all } = checkIcrcs(readFileSync(file));
  const bad = exceptDamaged(all, damaged);
  const wrong = lines.length > 0 || bad.length > 0 || packets === 0;
  if (!wrong && !keep) rmSync(file);
  return [
    {
      scenario: 'no malformed packet, says tshark',
      result: lines.length === 0 && packets > 0 ? 'pass' : 'fail',
      received: packets,
      ...(lines.length > 0 && { error: `${lines.length} in ${file}: ${lines[0]}` }),
    },
    {
      scenario: 'every ICRC is right, ours and Linux\u2019, by another computation',
      result: bad.length === 0 && packets > 0 ? 'pass' : 'fail',
      received: packets,
      ...(bad.length > 0 && { error: `${bad.length} of ${packets} in ${file}, first frame ${bad[0]?.frame}` }),
    },
  ];
}

interface BadPacket {
  readonly frame: number;
  /** The sender's address, as it stands in the packet. */
  readonly source: Buffer;
}

/** Leaves out as many of each address as were damaged on purpose. */
function exceptDamaged(bad: readonly BadPacket[], damaged: ReadonlyMap<string, number>): BadPacket[] {
  const left = new Map([...damaged].map(([address, count]) => [Buffer.from(parseGid(address)).toString('hex'), count]));
  return bad.filter(({ source }) => {
    const mapped = source.length === 4 ? Buffer.concat([IPV4_MAPPED, source]) : source;
    const count = left.get(mapped.toString('hex')) ?? 0;
    left.set(mapped.toString('hex'), count - 1);
    return count <= 0;
  });
}

/** Reads a capture file (pcap, little-endian, Ethernet). @returns packets whose ICRC is wrong. */
function checkIcrcs(capture: Buffer): { packets: number; bad: BadPacket[] } {
  const bad: BadPacket[] = [];
  let packets = 0;
  let frame = 0;
  for (let at = 24; at + 16 <= capture.length; ) {
    const length = capture.readUInt32LE(at + 8);
    const packet = capture.subarray(at + 16 + ETHERNET_BYTES, at + 16 + length);
    at += 16 + length;
    frame += 1;
    const ipBytes = (packet[0] as number) >> 4 === 4 ? 20 : 40;
    // Ethernet may have padded it.
    const udpBytes = packet.readUInt16BE(ipBytes + 4);
    if (packet.readUInt16BE(ipBytes + 2) !== ROCE_PORT) continue;
    packets += 1;
    const source = ipBytes === 20 ? packet.subarray(12, 16) : packet.subarray(8, 24);
    if (!isIcrcRight(packet.subarray(0, ipBytes), packet.subarray(ipBytes, ipBytes + udpBytes)))
      bad.push({ frame, source });
  }
  return { packets, bad };
}

/** IBTA A17.3.3: what routers may change counts as ones. */
function isIcrcRight(ip: Buffer, udp: Buffer): boolean {
  const header = Buffer.from(ip);
  if (header.length === 20) for (const at of [1, 8, 10, 11]) header[at] = 0xff;
  else {
    header[0] = (header[0] as number) | 0x0f;
    for (const at of [1, 2, 3, 7]) header[at] = 0xff;
  }
  const rest = Buffer.from(udp.subarray(0, -4));
  for (const at of [6, 7, UDP_BYTES + 4]) rest[at] = 0xff;
  return crc32(Buffer.concat([Buffer.alloc(8, 0xff), header, rest])) === udp.readUInt32LE(udp.length - 4);
}
