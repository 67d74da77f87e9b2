import { bits, bytes, gid, pieces, uint, uint64 } from './field.js';
import { coverage, type Fields, type FieldsInit, moved } from './layout.js';
import { ATTRIBUTE_ID, CLASS_HEADER, CLASS_HEADER_VALUE, MAD_BYTES, MAD_HEADER_BYTES } from './mad.js';

/** One CM message: its name, its attribute ID and its fields, which are addressed from the MAD's first byte. */
export interface MessageTable<Name extends string = string, Table = object> {
  readonly name: Name;
  readonly attributeId: number;
  readonly fields: Table;
  /** The message's 256 bytes with the header's constants, everything else zero. Whoever begins one copies it. */
  readonly empty: Uint8Array;
  /** The bits of the MAD's 256 bytes that the fields cover (header excluded). */
  readonly covered: Uint8Array;
}

/** @param fields offsets count from the end of the MAD header, as the specification's tables do. */
function message<Name extends string, Table extends object>(
  name: Name,
  attributeId: number,
  fields: Table,
): MessageTable<Name, Table> {
  const table = moved(fields, MAD_HEADER_BYTES, `${name}.`);
  const empty = new Uint8Array(MAD_BYTES);
  CLASS_HEADER.put(empty, 0, CLASS_HEADER_VALUE);
  ATTRIBUTE_ID.put(empty, 0, attributeId);
  return { name, attributeId, fields: table, empty, covered: coverage(table, MAD_BYTES) };
}

/** A path as REQ has it, 44 bytes (IBTA table 106). */
const REQ_PATH = {
  localLid: uint(0, 16),
  remoteLid: uint(2, 16),
  localGid: gid(4),
  remoteGid: gid(20),
  flowLabel: bits(36, 0, 20),
  packetRate: bits(39, 2, 6),
  trafficClass: uint(40, 8),
  hopLimit: uint(41, 8),
  sl: bits(42, 0, 4),
  subnetLocal: bits(42, 4, 1),
  localAckTimeout: bits(43, 0, 5),
};

/** A path as LAP has it: traffic class, hop limit and rate stand in another order (IBTA table 122). */
const LAP_PATH = {
  localLid: uint(0, 16),
  remoteLid: uint(2, 16),
  localGid: gid(4),
  remoteGid: gid(20),
  flowLabel: bits(36, 0, 20),
  trafficClass: uint(39, 8),
  hopLimit: uint(40, 8),
  packetRate: bits(41, 2, 6),
  sl: bits(42, 0, 4),
  subnetLocal: bits(42, 4, 1),
  localAckTimeout: bits(43, 0, 5),
};

/** Request for communication (IBTA 12.6.5). */
export const REQ = message('REQ', 0x0010, {
  localCommId: uint(0, 32),
  vendorId: uint(5, 24),
  serviceId: uint64(8),
  localCaGuid: uint64(16),
  localQKey: uint(28, 32),
  localQpn: uint(32, 24),
  responderResources: uint(35, 8),
  localEecn: uint(36, 24),
  initiatorDepth: uint(39, 8),
  remoteEecn: uint(40, 24),
  remoteCmResponseTimeout: bits(43, 0, 5),
  transportServiceType: bits(43, 5, 2),
  endToEndFlowControl: bits(43, 7, 1),
  startingPsn: uint(44, 24),
  localCmResponseTimeout: bits(47, 0, 5),
  retryCount: bits(47, 5, 3),
  pKey: uint(48, 16),
  pathPacketPayloadMtu: bits(50, 0, 4),
  rdcExists: bits(50, 4, 1),
  rnrRetryCount: bits(50, 5, 3),
  maxCmRetries: bits(51, 0, 4),
  srq: bits(51, 4, 1),
  extendedTransportType: bits(51, 5, 3),
  primaryPath: moved(REQ_PATH, 52),
  alternatePath: { ...moved(REQ_PATH, 96), sapSupported: bits(139, 5, 1) },
  privateData: bytes(140, 92),
});

/** Message receipt acknowledgement: "I need longer" (IBTA 12.6.6). */
export const MRA = message('MRA', 0x0011, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  messageMraed: bits(8, 0, 2),
  serviceTimeout: bits(9, 0, 5),
  privateData: bytes(10, 222),
});

/** Reject (IBTA 12.6.7). */
export const REJ = message('REJ', 0x0012, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  messageRejected: bits(8, 0, 2),
  rejectInfoLength: bits(9, 0, 7),
  reason: uint(10, 16),
  additionalRejectInformation: bytes(12, 72),
  privateData: bytes(84, 148),
});

/** Reply to a request for communication (IBTA 12.6.8). */
export const REP = message('REP', 0x0013, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  localQKey: uint(8, 32),
  localQpn: uint(12, 24),
  vendorId: pieces(uint(15, 8), uint(19, 8), uint(23, 8)),
  localEecn: uint(16, 24),
  startingPsn: uint(20, 24),
  responderResources: uint(24, 8),
  initiatorDepth: uint(25, 8),
  targetAckDelay: bits(26, 0, 5),
  failoverAccepted: bits(26, 5, 2),
  endToEndFlowControl: bits(26, 7, 1),
  rnrRetryCount: bits(27, 0, 3),
  srq: bits(27, 3, 1),
  localCaGuid: uint64(28),
  privateData: bytes(36, 196),
});

/** Ready to use (IBTA 12.6.9). */
export const RTU = message('RTU', 0x0014, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  privateData: bytes(8, 224),
});

/** Request for communication release (IBTA 12.6.10). */
export const DREQ = message('DREQ', 0x0015, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  remoteQpnEecn: uint(8, 24),
  privateData: bytes(12, 220),
});

/** Reply to a request for communication release (IBTA 12.6.11). */
export const DREP = message('DREP', 0x0016, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  privateData: bytes(8, 224),
});

/** Service ID resolution request (IBTA 12.11.1). */
export const SIDR_REQ = message('SIDR_REQ', 0x0017, {
  requestId: uint(0, 32),
  pKey: uint(4, 16),
  serviceId: uint64(8),
  privateData: bytes(16, 216),
});

/** Service ID resolution response (IBTA 12.11.2). */
export const SIDR_REP = message('SIDR_REP', 0x0018, {
  requestId: uint(0, 32),
  status: uint(4, 8),
  additionalInformationLength: uint(5, 8),
  vendorId: pieces(uint(6, 16), uint(11, 8)),
  qpn: uint(8, 24),
  serviceId: uint64(12),
  qKey: uint(20, 32),
  additionalInformation: bytes(24, 72),
  privateData: bytes(96, 136),
});

/** Load alternate path (IBTA 12.8.1). */
export const LAP = message('LAP', 0x0019, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  remoteQpnEecn: uint(12, 24),
  remoteCmResponseTimeout: bits(15, 0, 5),
  alternatePath: moved(LAP_PATH, 20),
  privateData: bytes(64, 168),
});

/** Alternate path response (IBTA 12.8.2). */
export const APR = message('APR', 0x001a, {
  localCommId: uint(0, 32),
  remoteCommId: uint(4, 32),
  additionalInformationLength: uint(8, 8),
  apStatus: uint(9, 8),
  additionalInformation: bytes(12, 72),
  privateData: bytes(84, 148),
});

/** The eleven messages of the CM, by name, in the order of their attribute IDs. */
export const MESSAGES = { REQ, MRA, REJ, REP, RTU, DREQ, DREP, SIDR_REQ, SIDR_REP, LAP, APR };

export type MessageName = keyof typeof MESSAGES;
export type MessageFields<Name extends MessageName> = Fields<(typeof MESSAGES)[Name]['fields']>;
export type MessageInit<Name extends MessageName> = FieldsInit<(typeof MESSAGES)[Name]['fields']>;

export type Req = MessageFields<'REQ'>;
export type Mra = MessageFields<'MRA'>;
export type Rej = MessageFields<'REJ'>;
export type Rep = MessageFields<'REP'>;
export type Rtu = MessageFields<'RTU'>;
export type Dreq = MessageFields<'DREQ'>;
export type Drep = MessageFields<'DREP'>;
export type SidrReq = MessageFields<'SIDR_REQ'>;
export type SidrRep = MessageFields<'SIDR_REP'>;
export type Lap = MessageFields<'LAP'>;
export type Apr = MessageFields<'APR'>;
/** The path of a REQ. */
export type ReqPath = Req['primaryPath'];
/** The path of a LAP. */
export type LapPath = Lap['alternatePath'];

export const MESSAGE_NAMES = Object.keys(MESSAGES) as readonly MessageName[];
const FIRST_ATTRIBUTE = REQ.attributeId;

/** The message that an attribute ID names, or undefined. */
export function messageNameOf(attributeId: number): MessageName | undefined {
  return MESSAGE_NAMES[attributeId - FIRST_ATTRIBUTE];
}

/** The place in {@link MESSAGE_NAMES} of the message that an attribute ID names: for tables that are read for every message. */
export const messageNumberOf = (attributeId: number): number => attributeId - FIRST_ATTRIBUTE;
/** The same by name. */
export const MESSAGE_NUMBER = Object.fromEntries(MESSAGE_NAMES.map((name, number) => [name, number])) as Readonly<
  Record<MessageName, number>
>;
