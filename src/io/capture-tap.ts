import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { isIpv4Gid } from '../base/index.js';
import {
  Icrc,
  IDENTIFICATION_UNKNOWN,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  PcapngWriter,
  ROCE_UDP_PORT,
  writeNetworkHeader,
} from '../wire/index.js';
import { calendarNow } from './clock.js';
import { bytesOf, PortWrapper, type ReceivedDatagram, type RocePort, type SentDatagram } from './port.js';

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

  /**
   * Writes a datagram with the IP and UDP headers it had, as far as they can be known.
   * @param timeMs when it passed, in milliseconds since 1970; default: now.
   */
  write(
    source: Uint8Array,
    destination: Uint8Array,
    sourcePort: number,
    trafficClass: number,
    payload: Uint8Array,
    timeMs = calendarNow(),
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
    const seconds = Math.floor(timeMs / 1_000);
    this.#stream.write(this.#writer.packet(packet, seconds, Math.floor((timeMs - seconds * 1_000) * 1_000_000)));
  }

  /** @throws the system's error, if any write failed. */
  async close(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }
}

/** A port that writes everything that passes into a capture file. The file stays open when the port closes. */
export class CaptureTap extends PortWrapper {
  readonly #file: CaptureFile;

  constructor(port: RocePort, file: CaptureFile) {
    super(port);
    this.#file = file;
  }

  override send(datagram: SentDatagram): void {
    const { path, sourcePort } = datagram;
    this.#file.write(this.gid, path.remoteGid, sourcePort, path.trafficClass, bytesOf(datagram));
    super.send(datagram);
  }

  protected override receive(datagram: ReceivedDatagram): void {
    this.#file.write(datagram.remoteGid, this.gid, datagram.sourcePort, 0, bytesOf(datagram));
    super.receive(datagram);
  }
}

const UDP_BYTES = 8;

function ipUdpHeader(
  source: Uint8Array,
  destination: Uint8Array,
  sourcePort: number,
  trafficClass: number,
  identification: number,
  length: number,
): Uint8Array {
  const ipBytes = isIpv4Gid(source) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  const header = new Uint8Array(ipBytes + UDP_BYTES);
  writeNetworkHeader(header, 0, source, destination, UDP_BYTES + length, trafficClass, identification);
  const view = new DataView(header.buffer);
  view.setUint16(ipBytes, sourcePort);
  view.setUint16(ipBytes + 2, ROCE_UDP_PORT);
  view.setUint16(ipBytes + 4, UDP_BYTES + length);
  return header;
}
