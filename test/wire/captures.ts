import { readdirSync, readFileSync } from 'node:fs';
import type { FramedPacket } from '../../src/wire/index.js';

/**
 * The captured traffic of two Linux kernels, read by the shortest loop that does it (classic little-endian pcap over
 * Ethernet), on purpose not by the project's own reader: so a test of the codec has no part of the code under it but the codec.
 */
const FOLDER = new URL('./capture/files/linux/', import.meta.url);
const PCAP_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const MAD_BYTES = 256;
const UD_HEADER_BYTES = 20;

export interface CapturedFrame {
  readonly capture: string;
  /** From 1, as tshark counts. */
  readonly number: number;
  readonly microseconds: number;
  readonly bytes: Uint8Array;
}

export interface CapturedPacket {
  readonly frame: CapturedFrame;
  readonly ipVersion: 4 | 6;
  readonly packet: FramedPacket & { readonly transport: 'rocev2' };
  readonly udpOffset: number;
  /** Where the MAD begins if this is a packet to QP1. */
  readonly madOffset: number | undefined;
}

export const CAPTURES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.pcap'))
  .map((name) => name.slice(0, -'.pcap'.length))
  .sort();

export function framesOf(capture: string): CapturedFrame[] {
  const file = readFileSync(new URL(`${capture}.pcap`, FOLDER));
  if (file.readUInt32LE(0) !== 0xa1b2_c3d4) throw new Error(`${capture} is not a little-endian pcap file`);
  const frames: CapturedFrame[] = [];
  for (let at = PCAP_HEADER_BYTES; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const begin = at + RECORD_HEADER_BYTES;
    frames.push({
      capture,
      number: frames.length + 1,
      microseconds: file.readUInt32LE(at) * 1_000_000 + file.readUInt32LE(at + 4),
      bytes: Uint8Array.from(file.subarray(begin, begin + length)),
    });
    at = begin + length;
  }
  return frames;
}

/** The RoCEv2 packets of a capture. */
export function packetsOf(capture: string): CapturedPacket[] {
  return framesOf(capture).flatMap((frame) => packetIn(frame) ?? []);
}

/** The packets of a capture that carry a CM MAD. */
export function madsOf(capture: string): (CapturedPacket & { readonly madOffset: number; readonly mad: Uint8Array })[] {
  return packetsOf(capture).flatMap((captured) => {
    const { madOffset, frame } = captured;
    if (madOffset === undefined) return [];
    return [{ ...captured, madOffset, mad: frame.bytes.slice(madOffset, madOffset + MAD_BYTES) }];
  });
}

function packetIn(frame: CapturedFrame): CapturedPacket | undefined {
  const view = new DataView(frame.bytes.buffer);
  const etherType = view.getUint16(12);
  if (etherType !== 0x0800 && etherType !== 0x86dd) return undefined;
  const ipVersion = etherType === 0x0800 ? 4 : 6;
  const protocol = view.getUint8(ETHERNET_BYTES + (ipVersion === 4 ? 9 : 6));
  const headerLength = ipVersion === 4 ? 4 * (view.getUint8(ETHERNET_BYTES) & 0x0f) : 40;
  const udpOffset = ETHERNET_BYTES + headerLength;
  if (protocol !== 17 || view.getUint16(udpOffset + 2) !== 4791) return undefined;
  const bthOffset = udpOffset + 8;
  const isGsi = view.getUint8(bthOffset) === 0x64 && (view.getUint32(bthOffset + 4) & 0xff_ffff) === 1;
  return {
    frame,
    ipVersion,
    udpOffset,
    packet: {
      transport: 'rocev2',
      headerOffset: ETHERNET_BYTES,
      headerLength,
      bthOffset,
      end: udpOffset + view.getUint16(udpOffset + 4),
    },
    madOffset: isGsi ? bthOffset + UD_HEADER_BYTES : undefined,
  };
}
