import { AddressSyntaxError, type Cid, formatAddress, parseGid } from '../../base/index.js';
import type { CepInspector } from '../../cep/index.js';
import { MESSAGE_NAMES, type MessageName, REJ } from '../../wire/index.js';
import { ServiceError } from '../error.js';
import { MAD_AT, type MessageTrace, type TracedMessage } from './message-trace.js';

/** Which messages somebody wants to see: all that is given must hold. */
export interface TraceFilter {
  /** From or to this address. */
  readonly peer?: string | undefined;
  /** Messages of these names; empty: all. */
  readonly messages?: readonly string[] | undefined;
  /** Messages of the connection with this CID. */
  readonly cid?: number | undefined;
}

/** Messages that wait for their reader. Beyond it those that come are counted, and lost. */
export const TRACE_WAITING_MAX = 1_024;

type Matches = (message: TracedMessage) => boolean;

/** One reader of a trace: keeps what passes until it is taken, and no more than {@link TRACE_WAITING_MAX} of it. */
export class TraceReader {
  readonly #matches: Matches;
  readonly #onMessage: () => void;
  readonly #unwatch: () => void;
  #waiting: TracedMessage[] = [];
  #lost = 0;

  /**
   * @param onMessage told when there is something to take; not again before it was taken.
   * @throws ServiceError `CONFIGURATION` for a filter that matches nothing because it makes no sense.
   */
  constructor(trace: MessageTrace, filter: TraceFilter, inspector: CepInspector, onMessage: () => void) {
    this.#matches = matcherOf(filter, inspector);
    this.#onMessage = onMessage;
    this.#unwatch = trace.watch((message) => this.#see(message));
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** What waits, at most so many, and how many were lost since this was last asked. */
  take(most: number): { readonly messages: readonly TracedMessage[]; readonly lost: number } {
    const messages = this.#waiting.splice(0, most);
    const lost = this.#lost;
    this.#lost = 0;
    return { messages, lost };
  }

  close(): void {
    this.#unwatch();
    this.#waiting = [];
  }

  #see(message: TracedMessage): void {
    if (!this.#matches(message)) return;
    if (this.#waiting.length >= TRACE_WAITING_MAX) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length === 1) this.#onMessage();
  }
}

function matcherOf({ peer, messages = [], cid }: TraceFilter, inspector: CepInspector): Matches {
  const all: Matches[] = [];
  if (peer !== undefined) all.push(fromOrTo(peer));
  if (messages.length > 0) {
    const names = new Set(messages.map(checkedName));
    all.push(({ message }) => names.has(message));
  }
  if (cid !== undefined) all.push(ofConnection(cid as Cid, inspector));
  return (message) => all.every((matches) => matches(message));
}

function fromOrTo(peer: string): Matches {
  let address: string;
  try {
    address = formatAddress(parseGid(peer));
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error;
    throw new ServiceError('CONFIGURATION', `${peer} is not an IP address`, { peer }, { cause: error });
  }
  return ({ remoteAddress }) => remoteAddress === address;
}

function checkedName(name: string): MessageName {
  const known = MESSAGE_NAMES.find((each) => each === name.toUpperCase());
  if (known !== undefined) return known;
  const text = `${name} is not a message of the CM; there are ${MESSAGE_NAMES.join(', ')}`;
  throw new ServiceError('CONFIGURATION', text, { name });
}

/** Messages without the receiver's comm ID. */
const ONE_COMM_ID: ReadonlySet<MessageName> = new Set(['REQ', 'SIDR_REQ', 'SIDR_REP']);

/** By the comm IDs of both sides, as they were known last: a connection that was destroyed may still have something to say. */
function ofConnection(cid: Cid, inspector: CepInspector): Matches {
  const ids = new Set<number>();
  let peer: string | undefined;
  return ({ message, remoteAddress, packet }) => {
    if (inspector.find(cid)) {
      const { localCommId, remoteCommId, path } = inspector;
      for (const id of [localCommId, remoteCommId]) if (id !== 0) ids.add(id);
      if (path !== undefined) peer = formatAddress(path.remoteGid);
    }
    if (remoteAddress !== peer) return false;
    if (ids.has(REJ.fields.localCommId.get(packet, MAD_AT))) return true;
    return !ONE_COMM_ID.has(message) && ids.has(REJ.fields.remoteCommId.get(packet, MAD_AT));
  };
}
