import { formatAddress } from '../base/index.js';
import type { CloseCause, Connection, EndpointEvent } from '../endpoint/index.js';
import { decodeIpCmHeader, IP_CM_HEADER_BYTES, rejectReasonName } from '../wire/index.js';
import type { Style } from './style.js';

/** One line of output: what happened, when, and the event's own fields. */
export interface EventLine {
  readonly event: string;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** Prints events, one a line, for people or as JSON. */
export class EventPrinter {
  readonly #output: NodeJS.WritableStream;
  readonly #json: boolean;
  readonly #style: Style;

  constructor(output: NodeJS.WritableStream, json: boolean, style: Style) {
    this.#output = output;
    this.#json = json;
    this.#style = style;
  }

  print(event: string, fields: Fields): void {
    const time = (performance.timeOrigin + performance.now()) / 1_000;
    const line: EventLine = { event, time, ...fields };
    this.#output.write(`${this.#json ? JSON.stringify(line) : this.#text(line)}\n`);
  }

  /** An event of the CM. */
  printEvent(event: EndpointEvent): void {
    this.print(event.type, { cid: event.cid, ...eventFields(event) });
  }

  printEstablished(connection: Connection): void {
    const { local, remote, privateData } = connection;
    this.print('established', {
      localAddress: local.address,
      localPort: local.port,
      localQpn: local.qpn,
      remoteAddress: remote.address,
      remotePort: remote.port,
      remoteQpn: remote.qpn,
      privateData: hex(privateData),
    });
  }

  printClosed(remote: { readonly address: string; readonly port: number }, cause: CloseCause): void {
    this.print('closed', { remoteAddress: remote.address, remotePort: remote.port, cause });
  }

  /** What went wrong with one connection of several. */
  printError(error: unknown): void {
    const { message } = error as Error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    this.print('error', { code, message });
  }

  #text({ event, time, ...fields }: EventLine): string {
    const { dim, green, red, bold } = this.#style;
    const colour = event === 'established' ? green : /rej_|error/.test(event) ? red : bold;
    const clock = new Date(time * 1_000).toISOString().slice(11, 23);
    const details = Object.entries(fields).flatMap(([name, value]) => textOf(name, value));
    return `${dim(clock)}  ${colour(event.padEnd(14))} ${details.join('  ')}`.trimEnd();
  }
}

/** The fields of a CM event that say something. */
export function eventFields({ cause, transmissions, mad }: EndpointEvent): Fields {
  if (mad === undefined) return { cause, transmissions };
  const privateData = hex(mad.fields.privateData);
  switch (mad.message) {
    case 'REQ': {
      const { localQpn, startingPsn, serviceId, privateData: bytes } = mad.fields;
      const header = decodeIpCmHeader(bytes);
      const names =
        header instanceof Error ? {} : { remoteAddress: formatAddress(header.source), remotePort: header.sourcePort };
      const userData = hex(bytes.subarray(IP_CM_HEADER_BYTES));
      return {
        ...names,
        remoteQpn: localQpn,
        startingPsn,
        serviceId: `0x${serviceId.toString(16).padStart(16, '0')}`,
        privateData: userData,
      };
    }
    case 'REP':
      return { remoteQpn: mad.fields.localQpn, startingPsn: mad.fields.startingPsn, privateData };
    case 'REJ': {
      const { reason, messageRejected } = mad.fields;
      return { reason, reasonName: rejectReasonName(reason) ?? 'unknown', messageRejected, privateData };
    }
    case 'MRA':
      return { messageMraed: mad.fields.messageMraed, serviceTimeout: mad.fields.serviceTimeout, privateData };
    default:
      return { privateData };
  }
}

function textOf(name: string, value: unknown): string[] {
  if (value === undefined || value === '' || name === 'cid') return [];
  if (name === 'privateData') {
    const shown = showPrivateData(value as string);
    return shown === '' ? [] : [`privateData=${shown}`];
  }
  if (name === 'message') return [String(value)];
  if (typeof value === 'number' && /Qpn|Psn/.test(name)) return [`${name}=0x${value.toString(16).padStart(6, '0')}`];
  return [`${name}=${String(value)}`];
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

/** Private data without the zeros that fill its field: as text if it is, else as hex. */
export function showPrivateData(digits: string): string {
  const trimmed = digits.replace(/(00)+$/, (zeros) => ((digits.length - zeros.length) % 2 === 0 ? '' : zeros.slice(1)));
  const text = Buffer.from(trimmed, 'hex').toString('latin1');
  if (text === '') return '';
  return /^[\x20-\x7e]*$/.test(text) ? JSON.stringify(text) : `0x${trimmed}`;
}
