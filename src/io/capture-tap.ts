import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { isIpv4Gid } from '../base/index.js';
import { Icrc, IDENTIFICATION_UNKNOWN, PcapngWriter, ROCE_UDP_PORT } from '../wire/index.js';
import type { ReceivedDatagram, RocePort, SentDatagram } from './port.js';

/** Raw IP: the packet begins with its IP header. */
const LINKTYPE_RAW = 101;

/** A capture file (pcapng) that any number of ports write to. */
export class CaptureFile {
  readonly #stream: WriteStream;
  readonly #writer = new PcapngWriter();
  readonly #icrc = new Icrc();

  /** Creates the file, or empties it. Errors appear at {@link close}. */
  constructor(path: string) {
    this.#stream = createWriteStream(path);
    // An error is kept by the stream and thrown by `finished`; without a listener it would end the process.
    this.#stream.on('error', () => undefined);
    this.#stream.write(this.#writer.header({ linkType: LINKTYPE_RAW, application: 'ibcm' }));
  }

  /** Writes a datagram with the IP and UDP headers it had, as far as they can be known. */
  write(
    source: Uint8Array,
    destination: Uint8Array,
    sourcePort: number,
    trafficClass: number,
    payload: Uint8Array,
  ): void {
    const ends = { source, sourceOffset: 0, destination, destinationOffset: 0, sourcePort };
    const long = payload.length >= 16;
    // The identification of a packet from elsewhere is not shown to us, but its ICRC gives it away.
    const known = long && this.#icrc.verify(ends, IDENTIFICATION_UNKNOWN, payload, 0, payload.length);
    const identification = known ? this.#icrc.identification : 0;
    const header = ipUdpHeader(source, destination, sourcePort, trafficClass, identification, payload.length);
    const packet = new Uint8Array(header.length + payload.length);
    packet.set(header);
    packet.set(payload, header.length);
    const now = performance.timeOrigin + performance.now();
    const seconds = Math.floor(now / 1_000);
    this.#stream.write(this.#writer.packet(packet, seconds, Math.floor((now - seconds * 1_000) * 1_000_000)));
  }

  /** @throws the system's error, if any write failed. */
  async close(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }
}

/** A port that writes everything that passes into a capture file. The file stays open when the port closes. */
export class CaptureTap implements RocePort {
  onDatagram: (datagram: ReceivedDatagram) => void = () => undefined;
  readonly #port: RocePort;

  constructor(port: RocePort, file: CaptureFile) {
    this.#port = port;
    this.send = (datagram: SentDatagram): void => {
      file.write(port.gid, datagram.path.remoteGid, datagram.sourcePort, datagram.path.trafficClass, datagram.bytes);
      port.send(datagram);
    };
    port.onDatagram = (datagram) => {
      file.write(datagram.remoteGid, port.gid, datagram.sourcePort, 0, datagram.bytes);
      this.onDatagram(datagram);
    };
  }

  readonly send: (datagram: SentDatagram) => void;

  get gid(): Uint8Array {
    return this.#port.gid;
  }

  async prepare(sourcePort: number): Promise<void> {
    await this.#port.prepare?.(sourcePort);
  }

  close(): Promise<void> {
    return this.#port.close();
  }
}

const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;
const HOP_LIMIT = 64;
const UDP_PROTOCOL = 17;

function ipUdpHeader(
  source: Uint8Array,
  destination: Uint8Array,
  sourcePort: number,
  trafficClass: number,
  identification: number,
  length: number,
): Uint8Array {
  const v4 = isIpv4Gid(source);
  const ipBytes = v4 ? IPV4_BYTES : IPV6_BYTES;
  const header = new Uint8Array(ipBytes + UDP_BYTES);
  const view = new DataView(header.buffer);
  if (v4) {
    header[0] = 0x45;
    header[1] = trafficClass;
    view.setUint16(2, ipBytes + UDP_BYTES + length);
    view.setUint16(4, identification);
    view.setUint16(6, 0x4000);
    header[8] = HOP_LIMIT;
    header[9] = UDP_PROTOCOL;
    header.set(source.subarray(12), 12);
    header.set(destination.subarray(12), 16);
    view.setUint16(10, internetChecksum(view, ipBytes));
  } else {
    view.setUint32(0, 0x6000_0000 | (trafficClass << 20));
    view.setUint16(4, UDP_BYTES + length);
    header[6] = UDP_PROTOCOL;
    header[7] = HOP_LIMIT;
    header.set(source, 8);
    header.set(destination, 24);
  }
  view.setUint16(ipBytes, sourcePort);
  view.setUint16(ipBytes + 2, ROCE_UDP_PORT);
  view.setUint16(ipBytes + 4, UDP_BYTES + length);
  return header;
}

/** The checksum of an IPv4 header (RFC 1071) whose own field is zero. */
function internetChecksum(view: DataView, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += view.getUint16(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
