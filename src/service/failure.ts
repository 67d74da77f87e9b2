import { AddressSyntaxError, AssertionError, IbcmError } from '../base/index.js';
import { CepError } from '../cep/index.js';
import { CmError } from '../cm/index.js';
import {
  EndpointError,
  type LookupRejectDetails,
  LookupRejectedError,
  type RejectDetails,
  RejectedError,
  TransferError,
  type TransferErrorDetails,
} from '../endpoint/index.js';
import { IoError } from '../io/index.js';
import { QpError } from '../qp/index.js';
import { TransportError } from '../transport/index.js';
import { VerbsError } from '../verbs/index.js';
import { EncodeError } from '../wire/index.js';
import { ServiceError } from './error.js';
import type { Detail, Failure } from './messages.js';

type Made = new (code: never, message: string, details: never) => Error;

const TEXT_CHARACTERS_MAX = 4_096;

/** Errors whose classes are made of code, message and details. */
const PLAIN: Readonly<Record<string, Made>> = {
  CepError,
  CmError,
  EncodeError: EncodeError as unknown as Made,
  EndpointError,
  IoError,
  QpError,
  ServiceError,
  TransportError,
  VerbsError,
};

/** Errors that say it themselves, from their details. */
const TOLD: Readonly<Record<string, (details: never) => Error>> = {
  AddressSyntaxError: ({ text }: { text: string }) => new AddressSyntaxError(text),
  LookupRejectedError: (details: LookupRejectDetails) => new LookupRejectedError(details),
  RejectedError: (details: RejectDetails) => new RejectedError(details),
  TransferError: ({ operation, status }: TransferErrorDetails) => new TransferError(operation, status),
};

/** An error as a message. What is not ours is told without its details: it is nobody else's business. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof IbcmError)) {
    const text = error instanceof Error ? error.message : String(error);
    return {
      name: 'ServiceError',
      code: 'PROTOCOL',
      message: short(`the call could not be made: ${text}`),
      details: [],
    };
  }
  const { name, code, message } = error;
  const details = Object.entries(error.details).flatMap(([each, value]) => detailOf(each, value) ?? []);
  return { name, code, message: short(message), details };
}

/** The error that a message tells of, of the class that it has in the service. */
export function errorOf({ name, code, message, details: told }: Failure): Error {
  const details = Object.fromEntries(told.map(({ name: each, value, ...values }) => [each, value && values[value]]));
  const tell = TOLD[name];
  if (tell !== undefined) return tell(details as never);
  const Plain = PLAIN[name];
  if (Plain !== undefined) return new Plain(code as never, message, details as never);
  return new AssertionError(`the service failed: ${message}`, { name, code, ...details });
}

/** What is told repeats what was asked, which is never so long unless to harm. */
function short(text: string): string {
  return text.length <= TEXT_CHARACTERS_MAX ? text : `${text.slice(0, TEXT_CHARACTERS_MAX - 1)}…`;
}

function detailOf(name: string, value: unknown): Detail | undefined {
  switch (typeof value) {
    case 'string':
      return { name, value: 'text', text: short(value) };
    case 'number':
      return { name, value: 'number', number: value };
    case 'bigint':
      return { name, value: 'integer', integer: BigInt.asUintN(64, value) };
    case 'boolean':
      return { name, value: 'flag', flag: value };
    default:
      return value instanceof Uint8Array ? { name, value: 'bytes', bytes: value } : undefined;
  }
}
