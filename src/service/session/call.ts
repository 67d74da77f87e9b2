import type { Adapter, AdapterInterface } from '../../endpoint/index.js';
import type { AnswerResult, ClientMessageBody, EventBody } from '../messages.js';
import type { Account, Cost, Hold } from './limits.js';
import type { ListenTable } from './listen-table.js';
import type { Kind, Kinds, Owned } from './owned.js';

/** What a call has of its client and of the service. */
export interface CallContext {
  readonly adapter: Adapter;
  /** The client's own CM-only interface and connected queue pairs. */
  readonly interface: AdapterInterface;
  readonly owned: Owned;
  readonly account: Account;
  /** Of all clients, each of which is known by what it owns. */
  readonly listens: ListenTable;
  /** Aborted when the client takes the call back or goes, and when the call's deadline is over. */
  readonly signal: AbortSignal;
  /** Tells the client of something that it owns. */
  tell<Name extends keyof EventBody>(handle: number, name: Name, event: EventBody[Name]): void;
  /** Runs when the client has been sent the answer: events of what it is given come after that. */
  afterwards(run: () => void): void;
}

/** What a client can ask for. */
export interface Call<Request, Result> {
  /** Whether something new comes of it: refused when the service is going down. */
  readonly opens: boolean;
  /** @throws what the client is to be told, by way of {@link failureOf}. */
  readonly run: (request: Request, context: CallContext) => Result | Promise<Result>;
}

/** All calls but those that the session itself answers. */
export type CallName = Exclude<keyof AnswerResult, 'error' | 'hello'>;
export type Calls<Name extends CallName> = {
  readonly [Each in Name]: Call<ClientMessageBody[Each], AnswerResult[Each]>;
};

/** A call from which something new comes. */
export function opening<Request, Result>(run: Call<Request, Result>['run']): Call<Request, Result> {
  return { opens: true, run };
}

/** A call on something that the client owns. */
export function on<K extends Kind, Request extends { readonly handle: number }, Result>(
  kind: K,
  run: (object: Kinds[K], request: Request, context: CallContext) => Result | Promise<Result>,
): Call<Request, Result> {
  return { opens: false, run: (request, context) => run(context.owned.get(request.handle, kind), request, context) };
}

/** Takes from the client's account for what is to be made; it is given back if that fails. */
export async function holding<T>(account: Account, cost: Cost, make: (hold: Hold) => Promise<T>): Promise<T> {
  const hold = account.take(cost);
  try {
    return await make(hold);
  } catch (error) {
    hold.release();
    throw error;
  }
}

/** Takes from the client's account for as long as something lasts. */
export async function during<T>(account: Account, cost: Cost, run: () => Promise<T>): Promise<T> {
  const hold = account.take(cost);
  try {
    return await run();
  } finally {
    hold.release();
  }
}
