import { type Cid, type Instant, withoutControlCharacters } from '../../base/index.js';
import type { Adapter, AdapterInterface } from '../../endpoint/index.js';
import { ServiceError } from '../error.js';
import { failureOf } from '../failure.js';
import type { Answer, AnswerResult, ClientMessage, EventBody, Hello } from '../messages.js';
import type { Call, CallContext, CallName } from './call.js';
import { callNamed } from './calls.js';
import type { Carrier } from './carrier.js';
import { Account, type ClientLimits, type Cost } from './limits.js';
import type { ListenTable } from './listen-table.js';
import { Outlet } from './outlet.js';
import { type Kind, Owned } from './owned.js';
import { Rate } from './rate.js';

/** What a session has of its service. */
export interface SessionHost {
  readonly adapter: Adapter;
  /** Of all clients. */
  readonly listens: ListenTable;
  /** Whether the service is going down: nothing new is begun. */
  readonly isDraining: boolean;
  now(): Instant;
  /** Calls back after a time. @returns what takes that back. */
  schedule(delayMs: number, call: () => void): () => void;
  /** A client has said who it is, or goes: what it owns is still there then. @param because why it is sent away, if it is. */
  changed(session: ClientSession, change: 'came' | 'went', because?: ServiceError): void;
  /** A session is over. Its calls may still have to find out. */
  ended(session: ClientSession): void;
}

/** What there is to know of a client. */
export interface ClientView {
  /** None is given twice by one service. */
  readonly id: number;
  /** What it calls itself; empty before it has said so. */
  readonly name: string;
  /** Its process, as it says. */
  readonly pid: number | undefined;
  /** When it came, on the service's clock, in microseconds. */
  readonly since: Instant;
  /** How many it owns of each kind. */
  readonly owns: Partial<Readonly<Record<Kind, number>>>;
  /** Calls that are not answered. */
  readonly calls: number;
  /** Messages that it has not read. */
  readonly waiting: number;
  /** What it has of what is limited. */
  readonly used: Readonly<Required<Cost>>;
  readonly limits: ClientLimits;
}

interface Pending {
  readonly abort: AbortController;
  readonly endDeadline: () => void;
}

const NAME_CHARACTERS_MAX = 64;
/** Messages that are kept while none should come: what a carrier that cannot pause has in its buffers. Beyond it the client goes. */
const HELD_MAX = 65_536;
/** Who connects and says nothing is no client. */
const HELLO_MS_MAX = 10_000;

/** One client, as the service has it: its calls, what it owns, and what it has not read. All of it ends with it. */
export class ClientSession implements ClientView {
  readonly id: number;
  readonly since: Instant;
  readonly limits: ClientLimits;
  readonly #host: SessionHost;
  readonly #carrier: Carrier;
  readonly #outlet: Outlet;
  readonly #owned = new Owned();
  readonly #account: Account;
  /** Opened when the client wants it first. */
  #interface: AdapterInterface | undefined;
  readonly #rate: Rate;
  readonly #pending = new Map<number, Pending>();
  /** Calls whose handlers run, answered or not. */
  #running = 0;
  /** Came while we did not want to read. */
  #held: ClientMessage[] = [];
  #endPause: (() => void) | undefined;
  #hello: Hello | undefined;
  readonly #endSilence: () => void;
  #isOver = false;

  /** @internal Made by the service. */
  constructor(host: SessionHost, id: number, limits: ClientLimits, carrier: Carrier) {
    this.id = id;
    this.limits = limits;
    this.since = host.now();
    this.#host = host;
    this.#carrier = carrier;
    this.#account = new Account(limits);
    this.#rate = new Rate(limits.callsPerSecond, this.since);
    this.#outlet = new Outlet(carrier, { messages: limits.waiting, bytes: limits.memoryBytes }, (text) =>
      this.#endBy('OVERFLOW', text),
    );
    this.#endSilence = host.schedule(HELLO_MS_MAX, () =>
      this.#endBy('PROTOCOL', `the client has not said hello in ${HELLO_MS_MAX} ms`),
    );
  }

  get name(): string {
    return this.#hello?.name ?? '';
  }

  get pid(): number | undefined {
    return this.#hello?.pid;
  }

  get owns(): Partial<Readonly<Record<Kind, number>>> {
    return this.#owned.counts;
  }

  /** Whether it has said who it is. */
  get hasSaidHello(): boolean {
    return this.#hello !== undefined;
  }

  get calls(): number {
    return this.#pending.size;
  }

  get waiting(): number {
    return this.#outlet.waiting;
  }

  get used(): Readonly<Required<Cost>> {
    return this.#account.used;
  }

  /** Whether it is over, and nothing of it is left: no call runs, nothing is owned or counted. */
  get isGone(): boolean {
    return this.#isOver && this.#running === 0;
  }

  /** Whether the client owns what the connection manager calls so. */
  hasCid(cid: Cid): boolean {
    return this.#owned.hasCid(cid);
  }

  /** What is wrong with its books; empty if nothing is. */
  check(): string[] {
    const { ceps, listens, memoryBytes } = this.#account.used;
    const wrong: string[] = [];
    const negative = ceps < 0 || listens < 0 || memoryBytes < 0;
    if (negative) wrong.push(`client ${this.id} has given back more than it took`);
    if (this.#isOver && this.#owned.size > 0) wrong.push(`client ${this.id} has gone and owns ${this.#owned.size}`);
    if (this.isGone && (ceps > 0 || listens > 0 || memoryBytes > 0)) {
      wrong.push(`client ${this.id} has gone and holds ${ceps} CEPs, ${listens} listens, ${memoryBytes} bytes`);
    }
    if (this.#pending.size > this.#running) wrong.push(`client ${this.id} waits for calls that do not run`);
    return wrong;
  }

  // ---- for the carrier

  /** A message has come. What makes no sense ends the session: it harms nobody else. */
  receive(message: ClientMessage): void {
    if (this.#isOver) return;
    if (this.#endPause !== undefined || this.#outlet.waiting > 0) {
      this.#held.push(message);
      if (this.#held.length > HELD_MAX) this.#endBy('OVERFLOW', `the client has sent ${HELD_MAX} messages too many`);
      return;
    }
    this.#take(message);
  }

  /** The carrier has room again. */
  drained(): void {
    if (this.#isOver) return;
    this.#outlet.drained();
    this.#readOn();
  }

  /**
   * Ends the session: its calls are aborted and all that it owns is destroyed, at once (R21).
   * @param because told to the client as its last message; left out when the client itself has gone.
   */
  end(because?: ServiceError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Whoever has not said who he is was never told of.
    if (this.#hello !== undefined) this.#host.changed(this, 'went', because);
    this.#endSilence();
    this.#endPause?.();
    this.#held = [];
    const reason = because ?? new ServiceError('DISCONNECTED', 'the client has gone', {});
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { abort, endDeadline } of pending) {
      endDeadline();
      abort.abort(reason);
    }
    this.#owned.close();
    this.#interface?.close();
    this.#outlet.finish(because && { body: 'farewell', farewell: failureOf(because) });
    this.#carrier.close();
    this.#host.ended(this);
  }

  // ---- calls

  #take(message: ClientMessage): void {
    const pauseMs = this.#rate.take(this.#host.now());
    this.#dispatch(message);
    if (pauseMs > 0 && !this.#isOver) this.#pause(pauseMs);
  }

  #dispatch(message: ClientMessage): void {
    const { callId, body } = message;
    const violation = this.#violation(message);
    if (violation !== undefined) this.#endBy('PROTOCOL', violation);
    else if (body === 'cancel') {
      this.#pending.get(callId)?.abort.abort(new ServiceError('CANCELLED', 'the client has taken the call back', {}));
    } else if (body === 'hello') this.#greet(callId, message.hello as Hello);
    else this.#begin(message);
  }

  /** What no client sends that means well. */
  #violation({ callId, body }: ClientMessage): string | undefined {
    if (body === undefined) return 'a message has no call that this service knows';
    if (!Number.isSafeInteger(callId)) return 'the number of a call is too large to be told again';
    if (body === 'cancel') return undefined;
    if (this.#pending.has(callId)) return `the call ${callId} is not answered yet`;
    if (body === 'hello') return this.#hello && 'the client has said hello before';
    if (this.#hello === undefined) return 'the first call is hello';
    return callNamed(body) === undefined ? `there is no call ${body}` : undefined;
  }

  #greet(callId: number, hello: Hello): void {
    this.#endSilence();
    this.#hello = { name: nameOf(hello.name), pid: hello.pid };
    const { id: client, limits } = this;
    this.#host.changed(this, 'came');
    this.#answer(callId, 'hello', { client, addresses: this.#host.adapter.addresses, limits });
  }

  #begin({ callId, body, deadlineMs, ...requests }: ClientMessage): void {
    const name = body as CallName;
    const call = callNamed(name) as Call<unknown, unknown>;
    const { calls: maximum } = this.limits;
    if (this.#pending.size >= maximum) {
      const text = `the client waits for ${maximum} calls already`;
      this.#fail(callId, new ServiceError('LIMIT_REACHED', text, { limit: 'calls', maximum }));
    } else if (call.opens && this.#host.isDraining) {
      this.#fail(callId, new ServiceError('UNAVAILABLE', 'the service is going down', {}));
    } else this.#run(callId, name, (context) => call.run(requests[name], context), deadlineMs);
  }

  #run(
    callId: number,
    name: keyof AnswerResult,
    run: (context: CallContext) => unknown,
    deadlineMs: number | undefined,
  ): void {
    const abort = new AbortController();
    const onDeadline = (): void => {
      abort.abort(new ServiceError('TIMEOUT', `the call was not done in ${deadlineMs} ms`, { deadlineMs }));
    };
    const endDeadline = deadlineMs === undefined ? () => undefined : this.#host.schedule(deadlineMs, onDeadline);
    this.#pending.set(callId, { abort, endDeadline });
    this.#running += 1;
    const later: (() => void)[] = [];
    const done = (answer: () => void): void => {
      this.#running -= 1;
      if (this.#isOver) {
        if (this.#running === 0) this.#host.ended(this);
        return;
      }
      endDeadline();
      this.#pending.delete(callId);
      answer();
      for (const each of later) each();
    };
    const succeed = (result: unknown): void => done(() => this.#answer(callId, name, result as never));
    const fail = (error: unknown): void => done(() => this.#fail(callId, error));
    const openInterface = (): AdapterInterface => this.#openInterface();
    const context: CallContext = {
      adapter: this.#host.adapter,
      get interface() {
        return openInterface();
      },
      owned: this.#owned,
      account: this.#account,
      listens: this.#host.listens,
      signal: abort.signal,
      tell: this.#tell,
      afterwards: (call) => later.push(call),
    };
    let result: unknown;
    try {
      result = run(context);
    } catch (error) {
      fail(error);
      return;
    }
    // What is done at once is answered at once, so that answers come in the order of the calls.
    if (result instanceof Promise) result.then(succeed, fail);
    else succeed(result);
  }

  #openInterface(): AdapterInterface {
    this.#interface ??= this.#host.adapter.openInterface();
    return this.#interface;
  }

  // ---- answers and events

  #answer<Name extends keyof AnswerResult>(callId: number, name: Name, result: AnswerResult[Name]): void {
    const answer = { callId, result: name, [name]: result } as Answer;
    this.#send({ body: 'answer', answer });
  }

  #fail(callId: number, error: unknown): void {
    this.#answer(callId, 'error', failureOf(error));
  }

  readonly #tell = <Name extends keyof EventBody>(handle: number, name: Name, event: EventBody[Name]): void => {
    if (!this.#isOver) this.#send({ body: 'event', event: { handle, body: name, [name]: event } });
  };

  #send(message: Parameters<Carrier['send']>[0]): void {
    this.#outlet.send(message);
    // Who does not read is not read, so that answers cannot pile up.
    if (this.#outlet.waiting > 0 && !this.#isOver) this.#carrier.pause();
  }

  #endBy(code: 'PROTOCOL' | 'OVERFLOW', text: string): void {
    this.end(new ServiceError(code, text, {}));
  }

  // ---- reading

  #pause(pauseMs: number): void {
    this.#carrier.pause();
    this.#endPause = this.#host.schedule(pauseMs, () => {
      this.#endPause = undefined;
      this.#readOn();
    });
  }

  /** Takes what was held; then the carrier may read on. */
  #readOn(): void {
    while (!this.#isOver && this.#endPause === undefined && this.#outlet.waiting === 0) {
      const message = this.#held.shift();
      if (message === undefined) {
        this.#carrier.resume();
        return;
      }
      this.#take(message);
    }
  }
}

/** What a client calls itself, short and without what a terminal would obey. A copy, since a part of a text keeps all of it. */
function nameOf(text: string): string {
  return Buffer.from(withoutControlCharacters(text.slice(0, NAME_CHARACTERS_MAX))).toString();
}
