import type {
  AprParameters,
  DreqParameters,
  LapParameters,
  MraParameters,
  PrivateDataParameters,
  RejParameters,
  State,
} from '../../cep/index.js';
import type { AcceptParameters, ConnectParameters } from '../../qp/index.js';
import { type AttributeValues, type QpState, VerbsError } from '../../verbs/index.js';
import { errorOf } from '../failure.js';
import { given } from '../given.js';
import type { AnswerResult, ClientMessageBody, Event, QpCreated } from '../messages.js';
import { type Caller, type CallNames, type EventReceiver, eventNamed } from './caller.js';
import { reported } from './reported.js';
import { ServiceCmEvent } from './service-cm-event.js';
import type { ServiceQueuePairRequest } from './service-queue-pair-request.js';
import { type WaitForEnd, waitOptions } from './wait-for-end.js';

/** As `QpCallback`. */
export type ServiceQpCallback<Context> = (
  queuePair: ServiceQueuePair<Context>,
  event: ServiceCmEvent,
  failure: Error | undefined,
) => unknown;

/** As `ConnectedQueuePairOptions`. */
export interface ServiceQueuePairOptions<Context> {
  readonly transport: 'rc' | 'uc';
  readonly context: Context;
  readonly callback: ServiceQpCallback<Context>;
  /** Answering what the peer asks for by oneself takes a way to the service and back. */
  readonly automatic?: boolean;
  readonly accessFlags?: number;
  readonly minRnrTimer?: number;
}

/** A queue pair's state, its connection's, and its attributes, at a moment. */
export interface ServiceQueuePairStatus {
  readonly state: QpState;
  /** The state of its CEP; undefined if it has none. */
  readonly connectionState: State | undefined;
  readonly attributes: AttributeValues;
}

type Calls = Extract<CallNames, `qp${string}`>;

/** A queue pair at the service, and its connection: `ConnectedQueuePair`, call by call. */
export class ServiceQueuePair<Context = unknown> implements EventReceiver {
  readonly context: Context;
  readonly qpn: number;
  readonly #caller: Caller;
  readonly #handle: number;
  readonly #callback: ServiceQpCallback<Context>;
  #isDestroyed = false;

  /** @internal */
  constructor(caller: Caller, { handle, qpn }: QpCreated, { context, callback }: ServiceQueuePairOptions<Context>) {
    this.#caller = caller;
    this.#handle = handle;
    this.#callback = callback;
    this.context = context;
    this.qpn = qpn;
    caller.register(handle, this);
  }

  /** Whether its destruction has begun, as far as this client knows. */
  get destroyed(): boolean {
    return this.#isDestroyed;
  }

  /** Its state and attributes now. */
  async query(): Promise<ServiceQueuePairStatus> {
    const { state, connectionState, attributes } = await this.#call('qpQuery', {});
    return {
      state: state as QpState,
      connectionState: connectionState as State | undefined,
      attributes: attributes as AttributeValues,
    };
  }

  /** See `ConnectedQueuePair.connect`. */
  async connect(parameters: ConnectParameters): Promise<void> {
    await this.#call('qpConnect', { parameters: { ...parameters, qpn: 0 } });
  }

  /** See `ConnectedQueuePair.accept`. */
  async accept(request: ServiceQueuePairRequest, parameters: AcceptParameters): Promise<void> {
    const handle = request.handleFor(this.#caller);
    await this.#call('qpAccept', { request: handle, parameters: { ...parameters, qpn: 0 } });
    request.end();
  }

  /** See `ConnectedQueuePair.sendRep`. */
  async sendRep(parameters: AcceptParameters): Promise<void> {
    await this.#call('qpSendRep', { parameters: { ...parameters, qpn: 0 } });
  }

  /** See `ConnectedQueuePair.sendRtu`. */
  async sendRtu(parameters: PrivateDataParameters = {}): Promise<void> {
    await this.#call('qpSendRtu', parameters);
  }

  /** See `ConnectedQueuePair.established`. */
  async established(): Promise<void> {
    await this.#call('qpEstablished', {});
  }

  /** See `ConnectedQueuePair.sendMra`. */
  async sendMra(parameters: MraParameters = {}): Promise<void> {
    await this.#call('qpSendMra', parameters);
  }

  /** See `ConnectedQueuePair.sendRej`. */
  async sendRej(parameters: RejParameters): Promise<void> {
    await this.#call('qpSendRej', parameters);
  }

  /** See `ConnectedQueuePair.disconnect`. */
  async disconnect(parameters: DreqParameters = {}): Promise<void> {
    await this.#call('qpDisconnect', parameters);
  }

  /** See `ConnectedQueuePair.sendDrep`. */
  async sendDrep(parameters: PrivateDataParameters = {}): Promise<void> {
    await this.#call('qpSendDrep', parameters);
  }

  /** See `ConnectedQueuePair.abort`. */
  async abort(): Promise<void> {
    await this.#call('qpAbort', {});
  }

  /** See `ConnectedQueuePair.sendLap`. */
  async sendLap(parameters: LapParameters): Promise<void> {
    await this.#call('qpSendLap', parameters);
  }

  /** See `ConnectedQueuePair.sendApr`. */
  async sendApr(parameters: AprParameters = {}): Promise<void> {
    await this.#call('qpSendApr', parameters);
  }

  /** See `ConnectedQueuePair.migrate`. */
  async migrate(): Promise<void> {
    await this.#call('qpMigrate', {});
  }

  /** See `ConnectedQueuePair.destroy`. No event is told from the call on. @throws VerbsError `DESTROYED` the second time. */
  async destroy(options: WaitForEnd = {}): Promise<void> {
    this.#refuseIfDestroyed();
    this.#isDestroyed = true;
    const { wait = false } = options;
    await this.#caller.call('qpDestroy', { handle: this.#handle, wait }, waitOptions(options));
  }

  /** @internal */
  handleEvent(event: Event): void {
    const told = eventNamed(event, 'qp');
    if (told === undefined || this.#isDestroyed) return;
    const { failure } = told;
    reported(() => this.#callback(this, new ServiceCmEvent(told.event), failure && errorOf(failure)));
  }

  /** @internal */
  handleLost(): void {
    this.#isDestroyed = true;
  }

  async #call<Name extends Calls>(
    name: Name,
    parameters: Omit<ClientMessageBody[Name], 'handle'>,
  ): Promise<AnswerResult[Name]> {
    if (this.#caller.end === undefined) this.#refuseIfDestroyed();
    const request = { handle: this.#handle, ...given(parameters) } as unknown as ClientMessageBody[Name];
    return this.#caller.call(name, request);
  }

  #refuseIfDestroyed(): void {
    const { qpn } = this;
    if (!this.#isDestroyed) return;
    throw new VerbsError('DESTROYED', `queue pair 0x${qpn.toString(16)} is being destroyed`, { qpn });
  }
}
