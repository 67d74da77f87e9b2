import { formatGid } from '../../base/index.js';
import type { DecodedMessage, UndecodedMessage } from './decoder.js';

/** Where a line comes from. */
export interface LineOrigin {
  /** The file, as it was named. */
  readonly file: string;
  /** Seconds since the file's first frame; undefined if the file does not say. */
  readonly time: number | undefined;
}

/** A message as one line of JSON, without the line's end. Fields are named and ordered as the wire tables are. */
export function formatJson(origin: LineOrigin, decoded: DecodedMessage | UndecodedMessage): string {
  const { file, time = null } = origin;
  const { frame, source, destination, icrc } = decoded;
  if (decoded.kind === 'undecoded') {
    const { error, code } = decoded;
    return JSON.stringify({ file, frame, time, source, destination, icrc, error, code });
  }
  const { message, header, fields } = decoded.mad;
  const { transactionId, ...rest } = header;
  return JSON.stringify({
    file,
    frame,
    time,
    source,
    destination,
    message,
    transactionId: hex64(transactionId),
    icrc,
    header: rest,
    fields: jsonFields(fields),
  });
}

type JsonFields = { [name: string]: string | number | JsonFields };

/** A message's fields as JSON can hold them. */
export function jsonFields(fields: object): JsonFields {
  const values: JsonFields = {};
  for (const [name, value] of Object.entries(fields) as [string, number | bigint | Uint8Array | object][]) {
    if (typeof value === 'number') values[name] = value;
    else if (typeof value === 'bigint') values[name] = hex64(value);
    else if (value instanceof Uint8Array) values[name] = name.endsWith('Gid') ? formatGid(value) : hexOf(value);
    else values[name] = jsonFields(value);
  }
  return values;
}

/** A number may not be exact in JSON beyond 53 bits. */
export const hex64 = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

/** Bytes as hexadecimal digits. */
export const hexOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex');
