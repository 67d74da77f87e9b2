import { copyOf, isIpv4Gid, type ServiceId } from '../base/index.js';
import { DecodeError, EncodeError } from './error.js';
import { bits, type GidField, gid, uint } from './field.js';
import { coverage, type Fields, named, readFields, writeFields } from './layout.js';

/**
 * The header with which the private data of a REQ or SIDR_REQ begins when the peers are named by IP address and port
 * (IBTA annex A11, "RDMA IP CM service"). Linux calls it `cma_hdr`.
 */
const IP_CM_FIELDS = named(
  {
    version: uint(0, 8),
    ipVersion: bits(1, 0, 4),
    sourcePort: uint(2, 16),
    source: gid(4),
    destination: gid(20),
  },
  'ipCmHeader',
);
export const IP_CM_HEADER_BYTES = 36;
coverage(IP_CM_FIELDS, IP_CM_HEADER_BYTES);

/** What remains to the user of the private data of a REQ (92 bytes) and a SIDR_REQ (216). */
export const IP_CM_REQ_PRIVATE_DATA_MAX = 92 - IP_CM_HEADER_BYTES;
export const IP_CM_SIDR_PRIVATE_DATA_MAX = 216 - IP_CM_HEADER_BYTES;

/**
 * The header's values. On the wire an IPv4 address stands in the last four bytes of its field and the rest is zero;
 * here both addresses are GIDs (IPv4 as `::ffff:a.b.c.d`), so that they compare with the packet's.
 */
export interface IpCmHeader {
  readonly ipVersion: 4 | 6;
  /** The port that the active side calls its own. */
  readonly sourcePort: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** Decodes the header at `offset`, or says what is wrong with it. Copies the addresses. */
export function decodeIpCmHeader(bytes: Uint8Array, offset = 0): IpCmHeader | DecodeError {
  const available = Math.max(0, bytes.length - offset);
  if (available < IP_CM_HEADER_BYTES) {
    return new DecodeError('TRUNCATED', { field: 'ipCmHeader', expected: IP_CM_HEADER_BYTES, actual: available });
  }
  const header: Fields<typeof IP_CM_FIELDS> = readFields(IP_CM_FIELDS, bytes, offset);
  if (header.version !== 0) {
    return new DecodeError('WRONG_HEADER_VERSION', {
      field: 'ipCmHeader.version',
      expected: 0,
      actual: header.version,
    });
  }
  const { ipVersion } = header;
  if (ipVersion !== 4 && ipVersion !== 6) {
    return new DecodeError('WRONG_IP_VERSION', { field: 'ipCmHeader.ipVersion', expected: 4, actual: ipVersion });
  }
  const address = (field: Uint8Array): Uint8Array => {
    const copy = copyOf(field);
    if (ipVersion === 4) copy.fill(0, 0, 10).fill(0xff, 10, 12);
    return copy;
  };
  return {
    ipVersion,
    sourcePort: header.sourcePort,
    source: address(header.source),
    destination: address(header.destination),
  };
}

/**
 * Writes the header into 36 bytes of the caller's buffer.
 * @throws {@link EncodeError} `NO_ROOM` when fewer follow `offset`; `VALUE_OUT_OF_RANGE` or `TOO_LONG` when a value does
 * not fit its field, or an address is not one of the IP version: of an IPv6 address IPv4's four bytes would be left.
 */
export function encodeIpCmHeader(header: IpCmHeader, into: Uint8Array, offset = 0): void {
  const room = into.length - offset;
  if (!(offset >= 0 && room >= IP_CM_HEADER_BYTES)) {
    throw new EncodeError('NO_ROOM', `an IP CM header needs ${IP_CM_HEADER_BYTES} bytes, ${room} are there`, {
      field: 'ipCmHeader',
      limit: room,
      actual: IP_CM_HEADER_BYTES,
    });
  }
  into.fill(0, offset, offset + IP_CM_HEADER_BYTES);
  const { ipVersion, sourcePort, source, destination } = header;
  writeFields(IP_CM_FIELDS, { ipVersion, sourcePort, source, destination }, into, offset);
  if (ipVersion === 4) {
    shortenToIpv4(IP_CM_FIELDS.source, 'source', into, offset);
    shortenToIpv4(IP_CM_FIELDS.destination, 'destination', into, offset);
  }
}

/** Takes the `::ffff:` off an address. */
function shortenToIpv4({ byte }: GidField, name: string, into: Uint8Array, offset: number): void {
  if (!isIpv4Gid(into, offset + byte)) {
    throw new EncodeError('VALUE_OUT_OF_RANGE', `ipCmHeader.${name} is not the GID of an IPv4 address`, {
      field: `ipCmHeader.${name}`,
      limit: 4,
      actual: 6,
    });
  }
  into.fill(0, offset + byte, offset + byte + 12);
}

/** The port spaces of rdma_cm: what kind of port a service ID names. */
export const PORT_SPACES = { tcp: 0x0106, udp: 0x0111, ib: 0x013f, ipoib: 0x0002 } as const;
export type PortSpace = keyof typeof PORT_SPACES;

/**
 * The service ID of a port in a port space: (port space << 16) + port.
 * @param port from 0 to 65,535; a greater one would be a port of another space.
 * @throws {@link EncodeError} `VALUE_OUT_OF_RANGE`
 */
export function serviceIdOfPort(portSpace: PortSpace, port: number): ServiceId {
  if (!(Number.isInteger(port) && port >= 0 && port <= 0xffff)) {
    throw new EncodeError('VALUE_OUT_OF_RANGE', `port is ${port}; it must be an integer from 0 to 65535`, {
      field: 'port',
      limit: 0xffff,
      actual: port,
    });
  }
  return (BigInt(PORT_SPACES[portSpace]) * 0x1_0000n + BigInt(port)) as ServiceId;
}

/** The Q_Key that rdma_cm uses for datagram services. */
export const RDMA_UDP_Q_KEY = 0x0123_4567;
