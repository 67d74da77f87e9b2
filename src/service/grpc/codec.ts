import { fileURLToPath } from 'node:url';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { EndpointError } from '../../endpoint/index.js';
import { ServiceError } from '../error.js';
import type { ClientMessage, ServerMessage } from '../messages.js';

/** The published messages, in which everything that has a type here is defined. */
export const PROTO_FILE = fileURLToPath(new URL('../../../proto/ibcm/v1/ibcm.proto', import.meta.url));
const PACKAGE = 'ibcm.v1.';
const WORD_MAX = 0xffff_ffff;
/** Of one text. What names and addresses are has far less, and the service says nothing that is longer. */
const TEXT_CHARACTERS_MAX = 4_096;

type Value = unknown;
type Convert = (value: Value, name: string) => Value;

interface FieldType {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
  readonly options: { readonly jstype?: string } | null;
}

interface MessageType {
  readonly name: string;
  readonly field: readonly FieldType[];
  readonly oneofDecl: readonly { readonly name: string }[];
}

/** A message's fields, each with what turns it into what protobuf.js takes, and back. */
interface Shape {
  readonly fields: readonly {
    readonly name: string;
    readonly isRepeated: boolean;
    readonly encode: Convert;
    readonly decode: Convert;
  }[];
  /** Whether a name is given to which of some fields there is. */
  readonly choice: string | undefined;
}

const definitions = loadSync(PROTO_FILE, { defaults: true, oneofs: true });
const shapes = new Map<string, Shape>();

/** Bytes of a message to a client's call, and back. */
export const CLIENT_MESSAGE = codecOf<ClientMessage>('ClientMessage');
/** Bytes of a message to an answer or event, and back. */
export const SERVER_MESSAGE = codecOf<ServerMessage>('ServerMessage');

/** How messages of a type are read and written. */
export interface Codec<Message> {
  /** @throws EndpointError `INVALID_ARGUMENT` for a value that its field cannot hold: nothing is cut off. */
  readonly encode: (message: Message) => Buffer;
  /** @throws ServiceError `PROTOCOL` for what is no such message. */
  readonly decode: (bytes: Buffer) => Message;
}

function codecOf<Message extends object>(name: string): Codec<Message> {
  const { serialize, deserialize } = definitions[`${PACKAGE}${name}`] as MessageTypeDefinition<object, object>;
  const shape = shapeOf(name);
  return {
    encode: (message) => serialize(encoded(shape, message)),
    decode: (bytes) => {
      try {
        return decoded(shape, deserialize(bytes)) as Message;
      } catch (error) {
        throw new ServiceError('PROTOCOL', `not a ${name}`, { length: bytes.length }, { cause: error });
      }
    },
  };
}

function shapeOf(name: string): Shape {
  const known = shapes.get(name);
  if (known !== undefined) return known;
  const { type } = definitions[`${PACKAGE}${name}`] as MessageTypeDefinition<object, object>;
  const { field, oneofDecl } = type as MessageType;
  const shape: Shape = {
    fields: field.map((each) => ({
      name: each.name,
      isRepeated: each.label === 'LABEL_REPEATED',
      ...conversionsOf(each),
    })),
    // Optional fields are choices of one, whose names begin so.
    choice: oneofDecl.find((each) => !each.name.startsWith('_'))?.name,
  };
  shapes.set(name, shape);
  return shape;
}

function conversionsOf({ type, typeName, options }: FieldType): { readonly encode: Convert; readonly decode: Convert } {
  switch (type) {
    case 'TYPE_UINT32':
      return { encode: word, decode: same };
    case 'TYPE_UINT64':
      return options?.jstype === 'JS_NUMBER'
        ? { encode: safeInteger, decode: numberOf }
        : { encode: halves, decode: bigintOf };
    case 'TYPE_BYTES':
      return { encode: bytes, decode: (value) => arrayOf(value as Buffer) };
    case 'TYPE_STRING':
      return { encode: ofType('string'), decode: shortText };
    case 'TYPE_BOOL':
      return { encode: ofType('boolean'), decode: same };
    case 'TYPE_DOUBLE':
      return { encode: ofType('number'), decode: same };
    default: {
      const shape = shapeOf(typeName);
      return {
        encode: (value) => encoded(shape, value as object),
        decode: (value, name) => {
          if (value === null) throw new ServiceError('PROTOCOL', `${name} is missing`, { name });
          return decoded(shape, value as object);
        },
      };
    }
  }
}

function encoded({ fields }: Shape, message: object): object {
  const result: Record<string, Value> = {};
  for (const { name, isRepeated, encode } of fields) {
    const value = (message as Record<string, Value>)[name];
    if (value === undefined) continue;
    result[name] = isRepeated ? (value as Value[]).map((each) => encode(each, name)) : encode(value, name);
  }
  return result;
}

function decoded({ fields, choice }: Shape, message: object): object {
  const source = message as Record<string, Value>;
  const result: Record<string, Value> = {};
  if (choice !== undefined) result[choice] = source[choice];
  for (const { name, isRepeated, decode } of fields) {
    const value = source[name];
    if (value === undefined) continue;
    result[name] = isRepeated ? (value as Value[]).map((each) => decode(each, name)) : decode(value, name);
  }
  return result;
}

function same(value: Value): Value {
  return value;
}

/** Whoever says that a text is wrong repeats it. */
function shortText(value: Value, name: string): Value {
  const { length } = value as string;
  if (length <= TEXT_CHARACTERS_MAX) return value;
  throw new ServiceError('PROTOCOL', `${name} has ${length} characters`, { name, length });
}

function word(value: Value, name: string): Value {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= WORD_MAX) return value;
  throw refused(name, value, `an integer from 0 to ${WORD_MAX}`);
}

function safeInteger(value: Value, name: string): Value {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value;
  throw refused(name, value, `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
}

function bytes(value: Value, name: string): Value {
  if (value instanceof Uint8Array) return value;
  throw refused(name, value, 'a Uint8Array');
}

function ofType(type: 'string' | 'boolean' | 'number'): Convert {
  return (value, name) => {
    if (typeof value === type) return value;
    throw refused(name, value, `a ${type}`);
  };
}

/** The 64 bits of a number, as protobuf.js takes and gives them. */
interface Halves {
  readonly low: number;
  readonly high: number;
  readonly unsigned: true;
}

function halves(value: Value, name: string): Halves {
  if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) throw refused(name, value, 'a bigint of 64 bits');
  return { low: Number(value & 0xffff_ffffn) | 0, high: Number(value >> 32n) | 0, unsigned: true };
}

function bigintOf(value: Value): bigint {
  const { low, high } = value as Halves;
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** What the service itself numbers is never larger than a number can tell; what a hostile client calls so is no handle then. */
function numberOf(value: Value): number {
  const { low, high } = value as Halves;
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

/** Without the methods that a Buffer has and other arrays do not, and without the rest of a message that is mostly something else: who keeps a field keeps no more. */
function arrayOf(field: Buffer): Uint8Array {
  const { buffer, byteOffset, length } = field;
  return 2 * length < buffer.byteLength ? new Uint8Array(field) : new Uint8Array(buffer, byteOffset, length);
}

function refused(name: string, value: unknown, must: string): EndpointError {
  return new EndpointError('INVALID_ARGUMENT', `${name} is ${String(value)}; it must be ${must}`, { name, value });
}
