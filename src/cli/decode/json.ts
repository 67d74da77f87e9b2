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
  // By hand, as a capture may hold a million of them: nothing but the file's name needs escaping.
  return (
    `{"file":${JSON.stringify(file)},"frame":${frame},"time":${time},"source":"${source}","destination":"${destination}",` +
    `"message":"${message}","transactionId":"${hex64(transactionId)}","icrc":"${icrc}","header":${jsonOf(rest)},"fields":${jsonOf(fields)}}`
  );
}

type Value = number | bigint | Uint8Array | object;

/** Of each field: its name as JSON has it, and whether it is a GID. A capture has them a million times. */
const LABELS = new Map<string, { readonly text: string; readonly isGid: boolean }>();

function labelOf(name: string): { readonly text: string; readonly isGid: boolean } {
  let label = LABELS.get(name);
  if (label === undefined) {
    label = { text: `,"${name}":`, isGid: name.endsWith('Gid') };
    LABELS.set(name, label);
  }
  return label;
}

/** A message's fields as JSON. */
export function jsonOf(fields: object): string {
  let json = '';
  for (const name in fields) {
    const value = (fields as Readonly<Record<string, Value>>)[name] as Value;
    const { text, isGid } = labelOf(name);
    json += json === '' ? text.slice(1) : text;
    if (typeof value === 'number') json += value;
    else if (typeof value === 'bigint') json += `"${hex64(value)}"`;
    else if (value instanceof Uint8Array) json += isGid ? `"${formatGid(value)}"` : `"${hexOf(value)}"`;
    else json += jsonOf(value);
  }
  return `{${json}}`;
}

/** A number may not be exact in JSON beyond 53 bits. */
export const hex64 = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

/** Bytes as hexadecimal digits. */
export const hexOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex');
