/**
 * A second decoder, deliberately naive and independent of `src/wire`: the MAD as one string of bits, and every message as
 * a flat list of [name, byte, bit, width], copied by hand from the text that describes the messages. A name that occurs
 * twice is one number in pieces, most significant first. Bytes count from the end of the 24-byte MAD header.
 */
type Row = readonly [name: string, byte: number, bit: number, width: number];

const HEADER: readonly Row[] = [
  ['status', 4, 0, 16],
  ['classSpecific', 6, 0, 16],
  ['transactionId', 8, 0, 64],
  ['attributeModifier', 20, 0, 32],
];

const REQ: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['vendorId', 5, 0, 24],
  ['serviceId', 8, 0, 64],
  ['localCaGuid', 16, 0, 64],
  ['localQKey', 28, 0, 32],
  ['localQpn', 32, 0, 24],
  ['responderResources', 35, 0, 8],
  ['localEecn', 36, 0, 24],
  ['initiatorDepth', 39, 0, 8],
  ['remoteEecn', 40, 0, 24],
  ['remoteCmResponseTimeout', 43, 0, 5],
  ['transportServiceType', 43, 5, 2],
  ['endToEndFlowControl', 43, 7, 1],
  ['startingPsn', 44, 0, 24],
  ['localCmResponseTimeout', 47, 0, 5],
  ['retryCount', 47, 5, 3],
  ['pKey', 48, 0, 16],
  ['pathPacketPayloadMtu', 50, 0, 4],
  ['rdcExists', 50, 4, 1],
  ['rnrRetryCount', 50, 5, 3],
  ['maxCmRetries', 51, 0, 4],
  ['srq', 51, 4, 1],
  ['extendedTransportType', 51, 5, 3],
  ['primaryPath.localLid', 52, 0, 16],
  ['primaryPath.remoteLid', 54, 0, 16],
  ['primaryPath.localGid', 56, 0, 128],
  ['primaryPath.remoteGid', 72, 0, 128],
  ['primaryPath.flowLabel', 88, 0, 20],
  ['primaryPath.packetRate', 91, 2, 6],
  ['primaryPath.trafficClass', 92, 0, 8],
  ['primaryPath.hopLimit', 93, 0, 8],
  ['primaryPath.sl', 94, 0, 4],
  ['primaryPath.subnetLocal', 94, 4, 1],
  ['primaryPath.localAckTimeout', 95, 0, 5],
  ['alternatePath.localLid', 96, 0, 16],
  ['alternatePath.remoteLid', 98, 0, 16],
  ['alternatePath.localGid', 100, 0, 128],
  ['alternatePath.remoteGid', 116, 0, 128],
  ['alternatePath.flowLabel', 132, 0, 20],
  ['alternatePath.packetRate', 135, 2, 6],
  ['alternatePath.trafficClass', 136, 0, 8],
  ['alternatePath.hopLimit', 137, 0, 8],
  ['alternatePath.sl', 138, 0, 4],
  ['alternatePath.subnetLocal', 138, 4, 1],
  ['alternatePath.localAckTimeout', 139, 0, 5],
  ['alternatePath.sapSupported', 139, 5, 1],
  ['privateData', 140, 0, 8 * 92],
];

const MRA: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['messageMraed', 8, 0, 2],
  ['serviceTimeout', 9, 0, 5],
  ['privateData', 10, 0, 8 * 222],
];

const REJ: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['messageRejected', 8, 0, 2],
  ['rejectInfoLength', 9, 0, 7],
  ['reason', 10, 0, 16],
  ['additionalRejectInformation', 12, 0, 8 * 72],
  ['privateData', 84, 0, 8 * 148],
];

const REP: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['localQKey', 8, 0, 32],
  ['localQpn', 12, 0, 24],
  ['vendorId', 15, 0, 8],
  ['vendorId', 19, 0, 8],
  ['vendorId', 23, 0, 8],
  ['localEecn', 16, 0, 24],
  ['startingPsn', 20, 0, 24],
  ['responderResources', 24, 0, 8],
  ['initiatorDepth', 25, 0, 8],
  ['targetAckDelay', 26, 0, 5],
  ['failoverAccepted', 26, 5, 2],
  ['endToEndFlowControl', 26, 7, 1],
  ['rnrRetryCount', 27, 0, 3],
  ['srq', 27, 3, 1],
  ['localCaGuid', 28, 0, 64],
  ['privateData', 36, 0, 8 * 196],
];

const RTU: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['privateData', 8, 0, 8 * 224],
];

const DREQ: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['remoteQpnEecn', 8, 0, 24],
  ['privateData', 12, 0, 8 * 220],
];

const DREP: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['privateData', 8, 0, 8 * 224],
];

const SIDR_REQ: readonly Row[] = [
  ['requestId', 0, 0, 32],
  ['pKey', 4, 0, 16],
  ['serviceId', 8, 0, 64],
  ['privateData', 16, 0, 8 * 216],
];

const SIDR_REP: readonly Row[] = [
  ['requestId', 0, 0, 32],
  ['status', 4, 0, 8],
  ['additionalInformationLength', 5, 0, 8],
  ['vendorId', 6, 0, 16],
  ['vendorId', 11, 0, 8],
  ['qpn', 8, 0, 24],
  ['serviceId', 12, 0, 64],
  ['qKey', 20, 0, 32],
  ['additionalInformation', 24, 0, 8 * 72],
  ['privateData', 96, 0, 8 * 136],
];

const LAP: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['remoteQpnEecn', 12, 0, 24],
  ['remoteCmResponseTimeout', 15, 0, 5],
  ['alternatePath.localLid', 20, 0, 16],
  ['alternatePath.remoteLid', 22, 0, 16],
  ['alternatePath.localGid', 24, 0, 128],
  ['alternatePath.remoteGid', 40, 0, 128],
  ['alternatePath.flowLabel', 56, 0, 20],
  ['alternatePath.trafficClass', 59, 0, 8],
  ['alternatePath.hopLimit', 60, 0, 8],
  ['alternatePath.packetRate', 61, 2, 6],
  ['alternatePath.sl', 62, 0, 4],
  ['alternatePath.subnetLocal', 62, 4, 1],
  ['alternatePath.localAckTimeout', 63, 0, 5],
  ['privateData', 64, 0, 8 * 168],
];

const APR: readonly Row[] = [
  ['localCommId', 0, 0, 32],
  ['remoteCommId', 4, 0, 32],
  ['additionalInformationLength', 8, 0, 8],
  ['apStatus', 9, 0, 8],
  ['additionalInformation', 12, 0, 8 * 72],
  ['privateData', 84, 0, 8 * 148],
];

const BY_ATTRIBUTE: Readonly<Record<string, readonly [name: string, rows: readonly Row[]]>> = {
  '0010': ['REQ', REQ],
  '0011': ['MRA', MRA],
  '0012': ['REJ', REJ],
  '0013': ['REP', REP],
  '0014': ['RTU', RTU],
  '0015': ['DREQ', DREQ],
  '0016': ['DREP', DREP],
  '0017': ['SIDR_REQ', SIDR_REQ],
  '0018': ['SIDR_REP', SIDR_REP],
  '0019': ['LAP', LAP],
  '001a': ['APR', APR],
};

export interface NaiveMad {
  readonly message: string;
  /** Every value as a number, byte strings too; by dotted name. */
  readonly header: Readonly<Record<string, bigint>>;
  readonly fields: Readonly<Record<string, bigint>>;
  /** The MAD's bits as text, `1` for those that belong to no field, the header's constants or the attribute ID. */
  readonly reserved: string;
}

export function naiveDecode(mad: Uint8Array): NaiveMad {
  const hex = Buffer.from(mad).toString('hex');
  const bits = BigInt(`0x1${hex}`).toString(2).slice(1);
  const [message, rows] = BY_ATTRIBUTE[hex.slice(32, 36)] ?? ['unknown', []];
  const inMad = rows.map(([name, byte, bit, width]): Row => [name, byte + 24, bit, width]);
  const constants: readonly Row[] = [
    ['constants', 0, 0, 32],
    ['attributeId', 16, 0, 16],
  ];
  return {
    message,
    header: read(bits, HEADER),
    fields: read(bits, inMad),
    reserved: rest([...constants, ...HEADER, ...inMad]),
  };
}

function read(bits: string, rows: readonly Row[]): Record<string, bigint> {
  const digits: Record<string, string> = {};
  for (const [name, byte, bit, width] of rows) {
    digits[name] = (digits[name] ?? '') + bits.slice(8 * byte + bit, 8 * byte + bit + width);
  }
  return Object.fromEntries(Object.entries(digits).map(([name, text]) => [name, BigInt(`0b${text}`)]));
}

function rest(rows: readonly Row[]): string {
  const free = new Array<string>(8 * 256).fill('1');
  for (const [, byte, bit, width] of rows) free.fill('0', 8 * byte + bit, 8 * byte + bit + width);
  return free.join('');
}
