import fc from 'fast-check';
import { parseGid } from '../../../src/base/index.js';
import type { FramedPacket, RocePath } from '../../../src/wire/index.js';
import type { CapturedPacket } from '../captures.js';

/** A packet with everything that the two ways to check its ICRC need. */
export interface TestPacket {
  readonly frame: Uint8Array;
  readonly packet: FramedPacket;
  readonly ipVersion: 4 | 6;
  readonly path: RocePath;
  readonly identification: number;
}

const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;

/** What a receiver with a UDP socket knows of a captured packet, and what only the capture shows: the identification. */
export function testPacketOf({ frame, packet, ipVersion, udpOffset }: CapturedPacket): TestPacket {
  const { bytes } = frame;
  const view = new DataView(bytes.buffer);
  return {
    frame: bytes,
    packet,
    ipVersion,
    path: pathIn(bytes, ipVersion, udpOffset),
    identification: ipVersion === 4 ? view.getUint16(ETHERNET_BYTES + 4) : 0,
  };
}

function pathIn(frame: Uint8Array, ipVersion: 4 | 6, udpOffset: number): RocePath {
  const addressBytes = ipVersion === 4 ? 4 : 16;
  const addresses = udpOffset - 2 * addressBytes;
  const gid = (at: number): Uint8Array => {
    const address = frame.slice(at, at + addressBytes);
    return ipVersion === 4 ? parseGid(address.join('.')) : address;
  };
  return {
    source: gid(addresses),
    sourceOffset: 0,
    destination: gid(addresses + addressBytes),
    destinationOffset: 0,
    sourcePort: ((frame[udpOffset] ?? 0) << 8) | (frame[udpOffset + 1] ?? 0),
  };
}

const anyByte = fc.nat(255);
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length, size: 'max' });

/** A RoCEv2 packet of any addresses, ports and contents whose payload and ICRC have `length` bytes after the BTH. */
export function anyRoceV2(ipVersion: 4 | 6): fc.Arbitrary<TestPacket> {
  const ipBytes = ipVersion === 4 ? 20 : 40;
  return fc.integer({ min: 16, max: 400 }).chain((roceBytes) =>
    bytesOf(ETHERNET_BYTES + ipBytes + UDP_BYTES + roceBytes).map((frame) => {
      const view = new DataView(frame.buffer);
      const udpOffset = ETHERNET_BYTES + ipBytes;
      if (ipVersion === 4) {
        view.setUint8(ETHERNET_BYTES, 0x45);
        view.setUint16(ETHERNET_BYTES + 2, ipBytes + UDP_BYTES + roceBytes);
        view.setUint16(ETHERNET_BYTES + 6, 0x4000);
        view.setUint8(ETHERNET_BYTES + 9, 17);
      } else {
        view.setUint8(ETHERNET_BYTES, 0x60 | (view.getUint8(ETHERNET_BYTES) & 0x0f));
        view.setUint16(ETHERNET_BYTES + 4, UDP_BYTES + roceBytes);
        view.setUint8(ETHERNET_BYTES + 6, 17);
        // Not a mapped IPv4 address.
        view.setUint8(ETHERNET_BYTES + 8, 0xfd);
      }
      view.setUint16(udpOffset + 2, 4791);
      view.setUint16(udpOffset + 4, UDP_BYTES + roceBytes);
      return {
        frame,
        packet: {
          transport: 'rocev2',
          headerOffset: ETHERNET_BYTES,
          headerLength: ipBytes,
          bthOffset: udpOffset + UDP_BYTES,
          end: frame.length,
        },
        ipVersion,
        path: pathIn(frame, ipVersion, udpOffset),
        identification: ipVersion === 4 ? view.getUint16(ETHERNET_BYTES + 4) : 0,
      } satisfies TestPacket;
    }),
  );
}

/** A packet of another transport: only the frame matters. Its headers hold anything that their version allows. */
export function anyFramed(
  transport: 'rocev1' | 'infiniband',
  headerLength: number,
): fc.Arbitrary<{ frame: Uint8Array; packet: FramedPacket }> {
  return fc.tuple(fc.nat(20), fc.integer({ min: 16, max: 400 }), fc.nat(20)).chain(([before, transportBytes, after]) =>
    fc.tuple(bytesOf(before + headerLength + transportBytes + after), anyByte).map(([frame, byte]) => {
      const globalHeader = transport === 'rocev1' ? before : before + 8;
      if (headerLength >= 40) frame[globalHeader] = 0x60 | (byte & 0x0f);
      const bthOffset = before + headerLength;
      const end = bthOffset + transportBytes;
      return { frame, packet: { transport, headerOffset: before, headerLength, bthOffset, end } };
    }),
  );
}
