import type { PathAddress } from '../cep/index.js';
import { BTH, BTH_BYTES, HEADER_BYTES, ICRC_BYTES } from '../wire/index.js';

/** A packet that has come, taken apart as far as all need it. One object for all of them: valid for one call. @internal */
export class IncomingPacket {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the extended headers begin. */
  headers = 0;
  opcode = 0;
  psn = 0;
  ackRequest = false;
  solicited = false;
  pKey = 0;
  payload = 0;
  payloadLength = 0;
  /** Of the datagram that it came in; only datagram services look at it. */
  localGid: Uint8Array = this.bytes;
  remoteGid: Uint8Array = this.bytes;

  /**
   * Reads a packet with its ICRC.
   * @returns false if it has an opcode that there is not, or not the length that the opcode and its padding need.
   */
  parse(bytes: Uint8Array, at: number, length: number): boolean {
    const opcode = BTH.opcode.get(bytes, at);
    const headerBytes = HEADER_BYTES[opcode] as number;
    const payloadLength = length - headerBytes - ICRC_BYTES - BTH.padCount.get(bytes, at);
    if (headerBytes === 0 || payloadLength < 0) return false;
    this.bytes = bytes;
    this.headers = at + BTH_BYTES;
    this.opcode = opcode;
    this.psn = BTH.psn.get(bytes, at);
    this.ackRequest = BTH.ackRequest.get(bytes, at) === 1;
    this.solicited = BTH.solicitedEvent.get(bytes, at) === 1;
    this.pKey = BTH.pKey.get(bytes, at);
    this.payload = at + headerBytes;
    this.payloadLength = payloadLength;
    return true;
  }
}

/** A packet that is being written into the driver's buffer. One object for all of them. @internal */
export class OutgoingPacket {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the BTH begins, and where the next header or the payload goes to. */
  start = 0;
  end = 0;
  /** The way that it takes. */
  path: PathAddress | undefined = undefined;

  begin(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.start = at;
  }

  /** Writes the BTH. */
  writeBth(opcode: number, pKey: number, qpn: number, psn: number, ackRequest: boolean, solicited: boolean): void {
    const { bytes, start } = this;
    for (let i = 0; i < BTH_BYTES; i += 1) bytes[start + i] = 0;
    BTH.opcode.put(bytes, start, opcode);
    if (solicited) BTH.solicitedEvent.put(bytes, start, 1);
    BTH.pKey.put(bytes, start, pKey);
    BTH.destinationQpn.put(bytes, start, qpn);
    if (ackRequest) BTH.ackRequest.put(bytes, start, 1);
    BTH.psn.put(bytes, start, psn);
    this.end = start + BTH_BYTES;
  }

  /** Room for a header. @returns where it is. */
  header(bytes: number): number {
    const at = this.end;
    this.end += bytes;
    return at;
  }

  /** Says that `length` bytes of payload stand at the end; fills up to a multiple of four. */
  finishPayload(length: number): void {
    const pad = -length & 3;
    this.end += length;
    for (let i = 0; i < pad; i += 1) this.bytes[this.end + i] = 0;
    if (pad > 0) BTH.padCount.put(this.bytes, this.start, pad);
    this.end += pad;
  }
}
