import { locateEthernet } from './ethernet.js';
import { locateInfiniband } from './infiniband.js';
import { locateIpv4, locateIpv6 } from './ip.js';
import { type LocateResult, undecodable } from './transport-packet.js';

/** How many extension headers are followed; Wireshark's limit too. */
export const ERF_EXTENSION_HEADERS_MAX = 16;

const HEADER_BYTES = 16;
const TYPE_OFFSET = 8;
const RECORD_LENGTH_OFFSET = 10;
const EXTENSION_HEADER_BYTES = 8;
/** In the type of a header: an extension header follows. */
const MORE_HEADERS = 0x80;
/** Before an Ethernet frame: how far it is offset, and a byte of padding. */
const ETHERNET_PADDING_BYTES = 2;

const TYPE_ETHERNET = 2;
const TYPE_COLOR_ETHERNET = 11;
const TYPE_DSM_COLOR_ETHERNET = 16;
const TYPE_COLOR_HASH_ETHERNET = 20;
const TYPE_INFINIBAND = 21;
const TYPE_IPV4 = 22;
const TYPE_IPV6 = 23;

/** An Endace extensible record (LINKTYPE_ERF; layout: Endace's ERF types reference, as in Wireshark's erf_record.h). */
export function locateErf(data: DataView): LocateResult {
  if (data.byteLength < HEADER_BYTES) return undecodable('truncated', 'erf', 0);
  // Beyond the record's own length there is at most padding.
  const recordLength = Math.min(data.byteLength, data.getUint16(RECORD_LENGTH_OFFSET));
  if (recordLength < HEADER_BYTES) return undecodable('length', 'erf', 0);
  const frame = new DataView(data.buffer, data.byteOffset, recordLength);
  const type = frame.getUint8(TYPE_OFFSET);
  let more = type;
  let payload = HEADER_BYTES;
  for (let headers = 0; more & MORE_HEADERS; headers += 1) {
    if (headers === ERF_EXTENSION_HEADERS_MAX) return undecodable('nesting', 'erf', payload);
    if (payload + EXTENSION_HEADER_BYTES > recordLength) return undecodable('truncated', 'erf', payload);
    more = frame.getUint8(payload);
    payload += EXTENSION_HEADER_BYTES;
  }
  switch (type & ~MORE_HEADERS) {
    case TYPE_INFINIBAND:
      return locateInfiniband(frame, payload);
    case TYPE_ETHERNET:
    case TYPE_COLOR_ETHERNET:
    case TYPE_DSM_COLOR_ETHERNET:
    case TYPE_COLOR_HASH_ETHERNET:
      return locateEthernet(frame, payload + ETHERNET_PADDING_BYTES);
    case TYPE_IPV4:
      return locateIpv4(frame, payload);
    case TYPE_IPV6:
      return locateIpv6(frame, payload);
    default:
      return undefined;
  }
}
