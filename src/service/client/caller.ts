import { ServiceError } from '../error.js';
import { errorOf } from '../failure.js';
import type {
  Answer,
  AnswerResult,
  ClientMessage,
  ClientMessageBody,
  Event,
  EventBody,
  ServerMessage,
} from '../messages.js';

/** The client's end of the way to the service. */
export interface Link {
  /** @throws EndpointError `INVALID_ARGUMENT` for a value that the way has no room for; then nothing was sent. */
  send(message: ClientMessage): void;
  /** The client has gone. What was sent may still arrive. */
  close(): void;
}

/** Whom a link tells. */
export interface LinkHandler {
  receive(message: ServerMessage): void;
  /** There is no way any more. Told once, and not after `close`. */
  lost(error: ServiceError): void;
}

export type OpenLink = (handler: LinkHandler) => Link;

/** Whom the events of something concern. */
export interface EventReceiver {
  handleEvent(event: Event): void;
  /** The service has gone, and what it was with it. */
  handleLost(error: ServiceError): void;
}

export type CallNames = Exclude<keyof ClientMessageBody & keyof AnswerResult, 'error'>;

export interface CallOptions<Result, Adopted> {
  /** Takes the call back. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may wait, in milliseconds. */
  readonly deadlineMs?: number | undefined;
  /** Makes of the result what the caller gets: before any event of it comes. */
  readonly adopt: (result: Result) => Adopted;
}

interface Pending {
  readonly answer: (answer: Answer) => void;
  readonly fail: (error: Error) => void;
}

/** Makes a client's calls, and brings answers and events to whom they concern. */
export class Caller {
  readonly #link: Link;
  readonly #pending = new Map<number, Pending>();
  readonly #receivers = new Map<number, EventReceiver>();
  #last = 0;
  #end: ServiceError | undefined;
  #whenEnded: (error: ServiceError) => void = () => undefined;
  /** Resolves when there is no service any more, with the reason; `DISCONNECTED` when the client itself has closed. */
  readonly ended: Promise<ServiceError>;

  constructor(open: OpenLink) {
    this.ended = new Promise((resolve) => {
      this.#whenEnded = resolve;
    });
    this.#link = open({
      receive: (message) => this.#receive(message),
      lost: (error) => this.#lose(error),
    });
  }

  /** Why no call can be made any more; undefined while they can. */
  get end(): ServiceError | undefined {
    return this.#end;
  }

  /** Calls that are not answered. */
  get pending(): number {
    return this.#pending.size;
  }

  /**
   * Makes a call. Who takes it back waits all the same for what the service says: either it was done before, or it never will be.
   * @throws what the service says; the signal's reason; ServiceError `DISCONNECTED`, or why else there is no service any more.
   */
  call<Name extends CallNames, Adopted = AnswerResult[Name]>(
    name: Name,
    request: ClientMessageBody[Name],
    { signal, deadlineMs, adopt }: Partial<CallOptions<AnswerResult[Name], Adopted>> = {},
  ): Promise<Adopted> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#end !== undefined) throw this.#end;
      this.#last += 1;
      const callId = this.#last;
      this.#link.send({ callId, deadlineMs, body: name, [name]: request });
      const onAbort = (): void => this.#link.send({ callId, body: 'cancel', cancel: {} });
      const settled = (): void => {
        this.#pending.delete(callId);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(callId, {
        answer: (answer) => {
          settled();
          const result = answer[name] as AnswerResult[Name] | undefined;
          if (answer.result === 'error' && answer.error !== undefined) {
            reject(signal?.aborted ? (signal.reason as Error) : errorOf(answer.error));
          } else if (result === undefined) {
            reject(new ServiceError('PROTOCOL', `the service answered ${name} with ${answer.result}`, { name }));
          } else resolve((adopt ?? same<Adopted>)(result));
        },
        fail: (error) => {
          settled();
          reject(error);
        },
      });
    });
  }

  /** Brings the events of a handle to somebody, from now on. */
  register(handle: number, receiver: EventReceiver): void {
    this.#receivers.set(handle, receiver);
  }

  /** Nothing is told of a handle any more. */
  forget(handle: number): void {
    this.#receivers.delete(handle);
  }

  /** The client goes: the service destroys all that it owned. Harmless the second time. */
  close(): void {
    if (this.#end !== undefined) return;
    this.#link.close();
    this.#finish(new ServiceError('DISCONNECTED', 'the client has been closed', {}));
  }

  #receive({ body, answer, event, farewell }: ServerMessage): void {
    if (this.#end !== undefined) return;
    if (body === 'answer' && answer) this.#pending.get(answer.callId)?.answer(answer);
    else if (body === 'event' && event) this.#tell(event);
    else if (body === 'farewell' && farewell) this.#lose(errorOf(farewell) as ServiceError);
  }

  #tell(event: Event): void {
    const receiver = this.#receivers.get(event.handle);
    if (event.body === 'gone' || event.body === 'released') this.#receivers.delete(event.handle);
    receiver?.handleEvent(event);
  }

  #lose(error: ServiceError): void {
    if (this.#end !== undefined) return;
    this.#link.close();
    this.#finish(error);
  }

  #finish(error: ServiceError): void {
    this.#end = error;
    for (const { fail } of [...this.#pending.values()]) fail(error);
    const receivers = [...this.#receivers.values()];
    this.#receivers.clear();
    for (const receiver of receivers) receiver.handleLost(error);
    this.#whenEnded(error);
  }
}

/** The part of an event that has a name. */
export function eventNamed<Name extends keyof EventBody>(event: Event, name: Name): EventBody[Name] | undefined {
  return event.body === name ? (event[name] as EventBody[Name]) : undefined;
}

function same<T>(value: unknown): T {
  return value as T;
}
