import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROCE_UDP_PORT } from '../../../src/wire/index.js';

/** Wireshark's own dissection of packets, as a second opinion. */
export const TSHARK_IS_THERE = spawnSync('tshark', ['--version']).status === 0;

const PCAP_HEADER = [0xa1b2c3d4, 0x0002_0004, 0, 0, 65_535, 1];

/** The fields of each RoCEv2 packet (BTH to ICRC), as tshark names and prints them. */
export function dissect(packets: readonly Uint8Array[], fields: readonly string[]): Record<string, string>[] {
  const folder = mkdtempSync(join(tmpdir(), 'ibcm-tshark-'));
  try {
    const file = join(folder, 'packets.pcap');
    writeFileSync(file, Buffer.concat([words(PCAP_HEADER), ...packets.map(frame)]));
    const wanted = fields.flatMap((field) => ['-e', field]);
    const { stdout } = spawnSync('tshark', ['-r', file, '-T', 'fields', '-E', 'separator=|', ...wanted], {
      encoding: 'utf8',
    });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => Object.fromEntries(line.split('|').map((value, i) => [fields[i] as string, value.trim()])));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function words(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

/** A record with the packet over Ethernet, IPv4 and UDP. */
function frame(packet: Uint8Array): Buffer {
  const headers = Buffer.alloc(42);
  headers.writeUInt16BE(0x0800, 12);
  headers.writeUInt16BE(0x4500, 14);
  headers.writeUInt16BE(28 + packet.length, 16);
  headers.writeUInt16BE(0x4000, 20);
  headers.writeUInt16BE((64 << 8) | 17, 22);
  headers.set([10, 0, 0, 1, 10, 0, 0, 2], 26);
  headers.writeUInt16BE(49_152, 34);
  headers.writeUInt16BE(ROCE_UDP_PORT, 36);
  headers.writeUInt16BE(8 + packet.length, 38);
  const length = headers.length + packet.length;
  return Buffer.concat([words([0, 0, length, length]), headers, packet]);
}
