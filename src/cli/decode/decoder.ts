import { formatAddress, formatGid } from '../../base/index.js';
import {
  type CaptureRecord,
  type CaptureTimestamp,
  type CmMad,
  DecodeError,
  decodeMad,
  ICRC_BYTES,
  type LocateResult,
  locateTransport,
  type TransportPacket,
  type UndecodablePacket,
  verifyFrameIcrc,
} from '../../wire/index.js';
import { isCm, isPlainData, MAD_OFFSET, octet } from './gmp.js';
import { explainUndecodable, locateBth, padded } from './undecodable.js';

/** Whether the packet's ICRC is the one that its bytes demand. */
export type IcrcVerdict = 'ok' | 'bad';

/** Where and when a message was captured. */
interface Captured {
  /** The packet's number in the file, from 1. */
  readonly frame: number;
  readonly timestamp: CaptureTimestamp | undefined;
}

/** A CM message. Its byte strings are views of the record's data, valid as long as that is. */
export interface DecodedMessage extends Captured {
  readonly kind: 'message';
  /** The packet's addresses, as its own network header has them. */
  readonly source: string;
  readonly destination: string;
  readonly icrc: IcrcVerdict;
  readonly mad: CmMad;
}

/** What is, or may be, a CM message, and why it cannot be decoded. */
export interface UndecodedMessage extends Captured {
  readonly kind: 'undecoded';
  /** Undefined if the capture does not show them. */
  readonly source: string | undefined;
  readonly destination: string | undefined;
  /** Undefined if the packet is not whole. */
  readonly icrc: IcrcVerdict | undefined;
  readonly code: string;
  readonly error: string;
}

/** A record of a link type in which no packets are looked for. */
export interface ForeignRecord extends Captured {
  readonly kind: 'foreign';
  readonly linkType: number;
}

export type Decoded = DecodedMessage | UndecodedMessage | ForeignRecord;

/** What a record holds of the CM; undefined if nothing. Pure: all it returns depends on the record alone. */
export function decodeRecord(record: CaptureRecord): Decoded | undefined {
  const { data, linkType, frame, timestamp } = record;
  if (isPlainData(data, linkType)) return undefined;
  const located = locateTransport(data, linkType);
  if (located === undefined) return undefined;
  if (located.transport !== 'undecodable') return decodePacket(record, located);
  if (located.reason === 'link-type') return { kind: 'foreign', frame, timestamp, linkType };
  return decodeFaulty(record, located);
}

function decodePacket(record: CaptureRecord, packet: TransportPacket): Decoded | undefined {
  const { data, frame, timestamp } = record;
  const { bthOffset, end } = packet;
  const payloadEnd = end - ICRC_BYTES;
  if (isCm(data, bthOffset, payloadEnd) !== true) return undefined;
  const padCount = (octet(data, bthOffset + 1) >> 4) & 3;
  const mad = bthOffset + MAD_OFFSET;
  const decoded = decodeMad(data, mad, payloadEnd - padCount - mad);
  const place = { frame, timestamp, ...addressesOf(data, packet) };
  const icrc = verifyFrameIcrc(data, packet) ? 'ok' : 'bad';
  if (!(decoded instanceof DecodeError)) return { kind: 'message', ...place, icrc, mad: decoded };
  return { kind: 'undecoded', ...place, icrc, code: decoded.code, error: decoded.message };
}

/** A packet that was given up: a CM message if what is there says so, or, when the capture cut it, does not deny it. */
function decodeFaulty(record: CaptureRecord, packet: UndecodablePacket): UndecodedMessage | undefined {
  const { data, frame, timestamp } = record;
  const bth = locateBth(data, packet);
  if (bth === undefined) return undefined;
  const verdict = isCm(data, bth, data.length);
  if (verdict === false || (verdict === undefined && packet.reason !== 'truncated')) return undefined;
  const { source, destination } = addressesOfFaulty(record, packet);
  const { code, error } = explainUndecodable(record, packet);
  return { kind: 'undecoded', frame, timestamp, source, destination, icrc: undefined, code, error };
}

interface Addresses {
  readonly source: string;
  readonly destination: string;
}

/** The addresses in the notation of the packet's own network header: LIDs if it has no others. */
function addressesOf(data: Uint8Array, packet: TransportPacket): Addresses {
  if (packet.transport === 'infiniband') {
    const { sourceGid, destinationGid, sourceLid, destinationLid } = packet;
    return {
      source: sourceGid === undefined ? `LID ${sourceLid}` : formatGid(sourceGid),
      destination: destinationGid === undefined ? `LID ${destinationLid}` : formatGid(destinationGid),
    };
  }
  const overIpv4 = packet.transport === 'rocev2' && octet(data, packet.headerOffset) >> 4 === 4;
  const format = overIpv4 ? formatAddress : formatGid;
  return { source: format(packet.sourceGid), destination: format(packet.destinationGid) };
}

/** Of a packet that was cut, the headers may still be there. */
function addressesOfFaulty({ data, linkType }: CaptureRecord, packet: UndecodablePacket): Partial<Addresses> {
  if (packet.reason !== 'truncated') return {};
  const whole: LocateResult = locateTransport(padded(data), linkType);
  if (whole === undefined || whole.transport === 'undecodable' || whole.bthOffset > data.length) return {};
  return addressesOf(data, whole);
}
