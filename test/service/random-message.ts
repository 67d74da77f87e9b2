import { loadSync } from '@grpc/proto-loader';
import { type Random, randomBits, uniform } from '../../src/base/index.js';
import { PROTO_FILE } from '../../src/service/index.js';
import type { ClientMessage } from '../../src/service/messages.js';

interface FieldType {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
  readonly options: { readonly jstype?: string } | null;
}

interface MessageType {
  readonly field: readonly FieldType[];
  readonly oneofDecl: readonly { readonly name: string }[];
}

const definitions = loadSync(PROTO_FILE, { defaults: true }) as unknown as Record<
  string,
  { readonly type: MessageType }
>;
const typeNamed = (name: string): MessageType => (definitions[`ibcm.v1.${name}`] as { type: MessageType }).type;

/** All calls that there are. */
export const CALL_FIELDS = typeNamed('ClientMessage').field.filter(
  ({ name }) => !['callId', 'deadlineMs', 'hello', 'cancel'].includes(name),
);
const TEXTS = [
  '10.0.0.2',
  '10.0.0.1',
  '10.0.0.9',
  'nowhere',
  '',
  'rc',
  'uc',
  'INIT',
  'RTR',
  'RTS',
  'silence',
  'reject',
];
const WORDS = [0, 1, 2, 3, 8, 0x321, 7_471, 0xffff, 0xff_ffff, 0xffff_ffff];
const GIDS = [1, 2].map((last) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last));

/** Values that do, by the fields' names. */
const RIGHT: Readonly<Record<string, unknown>> = {
  host: '10.0.0.2',
  address: '10.0.0.1',
  port: 7_471,
  localGid: GIDS[0],
  remoteGid: GIDS[1],
  serviceId: 0x0106_1d2fn,
  transport: 'rc',
  target: 'RTR',
  mtu: 1024,
  backlog: 8,
  immediate: 5,
  reason: 28,
  status: 1,
  privateData: Uint8Array.of(1, 2, 3),
  data: Uint8Array.of(4, 5),
  qKey: 0x0123_4567,
};
/** What gives the handles that a call takes, by the beginning of the call's name. */
const GIVERS: readonly (readonly [call: RegExp, giver: RegExp])[] = [
  [/^qp(GetRequest)/, /^cmCreateId/],
  [/^qp(Reject|Delay)/, /^qpGetRequest/],
  [/^qp/, /^qpCreate/],
  [/^cm(DestroySlot)/, /^cmCreateSlot/],
  [/^cm/, /^cm(CreateId|GetRequest)/],
  [/^nextRequest/, /^listen$/],
  [/^nextLookup/, /^listenDatagram/],
  [/^(accept|reject|queryRequest)$/, /^nextRequest/],
  [/^(accept|reject)Lookup/, /^nextLookup/],
  [/Datagram$/, /^openSocket/],
  [/Memory$/, /^register/],
  [/^close/, /./],
  [/./, /^(connect|accept)$/],
];

/** A handle, and the call whose answer has given it. */
export interface Given {
  readonly handle: number;
  readonly by: string;
}

/**
 * Makes messages at random, from the published definitions: of every call, with values that are right, nearly right, and wrong. Handles are mostly such as
 * the client was given.
 */
export class RandomMessages {
  readonly #random: Random;
  readonly #handles: readonly Given[];
  /** The call that is being made. */
  #call = '';

  /** @param handles what the client was given so far; grows. */
  constructor(random: Random, handles: readonly Given[]) {
    this.#random = random;
    this.#handles = handles;
  }

  next(callId: number): ClientMessage {
    let { name, typeName } = this.#pick(CALL_FIELDS);
    // What was made is to be used before it is given up.
    if (/^(close|cm|qp)(Destroy.*)?$/.test(name) && uniform(this.#random, 4) > 0)
      ({ name, typeName } = this.#pick(CALL_FIELDS));
    this.#call = name;
    const deadline = uniform(this.#random, 3) === 0 ? { deadlineMs: uniform(this.#random, 2_000) } : {};
    return { callId, body: name as 'hello', [name]: this.#message(typeName), ...deadline } as ClientMessage;
  }

  #message(typeName: string): object {
    const { field: fields, oneofDecl } = typeNamed(typeName);
    const optional = new Set(oneofDecl.map(({ name }) => name.slice(1)));
    const message: Record<string, unknown> = {};
    for (const each of fields) {
      if (optional.has(each.name) && uniform(this.#random, 12) > 0) continue;
      message[each.name] = this.#value(each);
    }
    return message;
  }

  #value({ name, type, typeName, options }: FieldType): unknown {
    const random = this.#random;
    if (uniform(random, 8) > 0) {
      if (name === 'handle' || name === 'slot' || name === 'request') {
        const handle = this.#handle(name === 'handle' ? this.#call : `${name} of ${this.#call}`);
        if (handle !== undefined) return handle;
      } else if (name in RIGHT) return RIGHT[name];
    }
    switch (type) {
      case 'TYPE_UINT32':
        if (name === 'length' || name === 'receiveBytes') return uniform(random, 5_000);
        return uniform(random, 3) > 0 ? this.#pick(WORDS) : randomBits(random, 32);
      case 'TYPE_UINT64':
        if (options?.jstype !== 'JS_NUMBER') return BigInt(this.#pick(WORDS));
        return uniform(random, 100);
      case 'TYPE_BYTES':
        return Uint8Array.from({ length: uniform(random, 300) }, () => randomBits(random, 8));
      case 'TYPE_STRING':
        return this.#pick(TEXTS);
      case 'TYPE_BOOL':
        return uniform(random, 2) === 0;
      case 'TYPE_DOUBLE':
        return this.#pick([0, -1, 1e3, 1e6, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE]);
      default:
        return this.#message(typeName);
    }
  }

  /** One that the call may take, mostly of the latest. */
  #handle(call: string): number | undefined {
    const giver = call.startsWith('slot')
      ? /^cmCreateSlot/
      : call.startsWith('request')
        ? /^qpGetRequest/
        : giverOf(call);
    const suitable = this.#handles.filter(({ by }) => giver.test(by)).slice(-8);
    return suitable.length === 0 ? undefined : this.#pick(suitable).handle;
  }

  #pick<T>(values: readonly T[]): T {
    return values[uniform(this.#random, values.length)] as T;
  }
}

function giverOf(call: string): RegExp {
  return (GIVERS.find(([pattern]) => pattern.test(call)) as readonly [RegExp, RegExp])[1];
}
