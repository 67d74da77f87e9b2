import { MAD_BYTES } from 'ibcm/wire';
import type { Subject } from './measure.js';
import { platformCrc } from './platform-crc.js';

/**
 * What the figures are compared with: the least that anyone must do for the same work, in plain JavaScript and Node.
 * Results are kept where the compiler cannot prove that nobody reads them.
 */
export const kept = { number: 0 };

/** The UDP payload of a CM message. */
export const PACKET_BYTES = 280;
/** What the ICRC of a CM message covers over IPv4 and IPv6: ones, IP, UDP, and the payload without the ICRC. */
const COVERED_BYTES = { ipv4: 8 + 20 + 8 + PACKET_BYTES - 4, ipv6: 8 + 40 + 8 + PACKET_BYTES - 4 };

const source = Uint8Array.from({ length: 4_096 }, (_, i) => (i * 151) & 0xff);

/** Copies a message `each` times: whoever sends or receives it moves its bytes at least once. */
function copies(name: string, length: number, each: number): Subject {
  const from = source.subarray(0, length);
  const into = new Uint8Array(length);
  return {
    name,
    run: (times) => {
      for (let i = 0; i < times * each; i += 1) {
        from[0] = i;
        into.set(from);
      }
      kept.number = into[0] as number;
    },
  };
}

/** A CRC-32 over the bytes that an ICRC covers, copied together beforehand. */
function checksum(name: string, length: number): Subject {
  const bytes = source.subarray(0, length);
  return {
    name,
    run: (times) => {
      let sum = 0;
      for (let i = 0; i < times; i += 1) {
        bytes[0] = i;
        sum ^= crc32(bytes);
      }
      kept.number = sum;
    },
  };
}

/** A packet is copied, and its checksum computed by the sender and by the receiver: five times. */
function fivePackets(name: string): Subject {
  const copy = copies('', PACKET_BYTES, 5);
  const check = checksum('', COVERED_BYTES.ipv4);
  return {
    name,
    run: (times) => {
      copy.run(times);
      check.run(times * 10);
    },
  };
}

const ofPlatform = platformCrc;
const crc32: (bytes: Uint8Array) => number = ofPlatform ? (bytes) => ofPlatform(bytes, 0) : crc32ByTable;
const crcName = ofPlatform ? 'zlib.crc32' : 'a CRC-32 by table';

/** CRC-32 a byte at a time, as everybody writes it first. */
function crc32ByTable(bytes: Uint8Array): number {
  let register = -1;
  for (let i = 0; i < bytes.length; i += 1) {
    register = (register >>> 8) ^ (CRC_TABLE[(register ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~register >>> 0;
}
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let register = byte;
  for (let bit = 0; bit < 8; bit += 1) register = register & 1 ? (register >>> 1) ^ 0xedb8_8320 : register >>> 1;
  return register;
});

/** A packet with a payload: into the datagram and out of it, with a checksum at each end. */
export function dataPacket(payload: number): Subject {
  const copy = copies('', payload, 2);
  const check = checksum('', payload);
  return {
    name: `copy ${payload} bytes and ${crcName}, twice`,
    run: (times) => {
      copy.run(times);
      check.run(times * 2);
    },
  };
}

export const COPY = copies(`copy ${MAD_BYTES} bytes`, MAD_BYTES, 1);
export const FIVE_COPIES = copies(`copy ${MAD_BYTES} bytes, 5 times`, MAD_BYTES, 5);
export const CRC_IPV4 = checksum(`${crcName} over ${COVERED_BYTES.ipv4} bytes`, COVERED_BYTES.ipv4);
export const CRC_IPV6 = checksum(`${crcName} over ${COVERED_BYTES.ipv6} bytes`, COVERED_BYTES.ipv6);
export const FIVE_PACKETS = fivePackets(`copy ${PACKET_BYTES} bytes and 2 × ${crcName}, 5 times`);
