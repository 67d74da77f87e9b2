import { ATTRIBUTE_ID, MAD_BYTES, type MessageName, messageNameOf, REJ, REJECT_REASONS } from '../../wire/index.js';

const TRANSACTION_AT = 8;
const TRANSACTION_END = 16;

/**
 * Every message that any run sends, each kept and numbered once, from 1. Two that differ in their transaction ID alone are one
 * message here: nothing is ever matched by it. Also names other byte strings, for images.
 */
export class MessageTable {
  readonly #numbers = new Map<string, number>();
  readonly #bytes: Uint8Array[] = [new Uint8Array(0)];
  readonly #receivers: number[] = [0];
  readonly #names = new Map<string, number>();

  /** Distinct messages so far. */
  get size(): number {
    return this.#bytes.length - 1;
  }

  /** The number of a message to side 0 or 1. */
  add(receiver: number, bytes: Uint8Array, at: number): number {
    const text = textOf(bytes, at, MAD_BYTES);
    const key = `${receiver}${text}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#bytes.length;
    this.#numbers.set(key, number);
    this.#bytes.push(bytes.slice(at, at + MAD_BYTES).fill(0, TRANSACTION_AT, TRANSACTION_END));
    this.#receivers.push(receiver);
    return number;
  }

  /** Equal bytes get equal names; MADs in which only the transaction differs, too. */
  readonly name = (bytes: Uint8Array, at: number, length: number): number => {
    const text = textOf(bytes, at, length);
    const name = this.#names.get(text) ?? this.#names.size + 1;
    this.#names.set(text, name);
    return name;
  };

  bytes(message: number): Uint8Array {
    return this.#bytes[message] as Uint8Array;
  }

  receiver(message: number): number {
    return this.#receivers[message] as number;
  }

  kind(message: number): MessageName {
    return messageNameOf(ATTRIBUTE_ID.get(this.bytes(message), 0)) as MessageName;
  }

  /** For people: the kind, the reason if it is a REJ, and the table's number, which tells apart those that differ. */
  describe(message: number): string {
    const kind = this.kind(message);
    if (kind !== 'REJ') return `${kind} ${message}`;
    const number = REJ.fields.reason.get(this.bytes(message), 0);
    const reason = Object.entries(REJECT_REASONS).find(([, value]) => value === number);
    return `REJ ${message} (${reason?.[0] ?? number})`;
  }
}

/** Bytes as text of as many characters: what a map can be asked for. A MAD's transaction is left out. */
function textOf(bytes: Uint8Array, at: number, length: number): string {
  const end = at + length;
  if (length !== MAD_BYTES) return String.fromCharCode(...bytes.subarray(at, end));
  // The end of most messages is empty: no need to carry it about.
  let last = end;
  while (last > at + TRANSACTION_END && bytes[last - 1] === 0) last -= 1;
  const head = String.fromCharCode(...bytes.subarray(at, at + TRANSACTION_AT));
  return head + String.fromCharCode(...bytes.subarray(at + TRANSACTION_END, last));
}
