import type { ServiceId } from '../../base/index.js';
import type {
  AprParameters,
  DreqParameters,
  LapParameters,
  ListenParameters,
  MraParameters,
  PrivateDataParameters,
  QpTarget,
  RejParameters,
  RepParameters,
  ReqParameters,
  SidrRepParameters,
  SidrReqParameters,
  State,
} from '../../cep/index.js';
import { CmError } from '../../cm/index.js';
import type { AttributeValues } from '../../verbs/index.js';
import { ServiceError } from '../error.js';
import { given } from '../given.js';
import type { AnswerResult, ClientMessageBody } from '../messages.js';
import type { Caller, CallNames } from './caller.js';
import { ServiceCmEvent } from './service-cm-event.js';
import { Id, type ServiceCmCallback, type ServiceCmConfiguration, type ServiceCmId } from './service-cm-id.js';
import { type WaitForEnd, waitOptions } from './wait-for-end.js';

/** A request that was fetched: it has an ID of its own, and the event tells what it asks for. */
export interface ServiceCmRequest<Context = unknown> {
  readonly id: ServiceCmId<Context>;
  readonly event: ServiceCmEvent;
}

/** A place that an ID is bound to: see `CidSlot`. */
export interface ServiceSlot {
  /** @internal */
  readonly handle: number;
  /** @internal */
  readonly owner: ServiceCm;
}

/** Calls of an ID whose message is the handle alone, or the handle with the call's parameters. */
type ParameterCalls = Extract<CallNames, `cm${string}`>;

/**
 * The CM-only interface of a service's adapter: `CmInterface`, call by call, except that each answers later, no moment is given, and events can be read at any
 * time. Every client has an interface of its own: no ID of another's means anything here.
 */
export class ServiceCm {
  readonly #caller: Caller;
  readonly #destroy = (id: ServiceCmId): void => {
    // A callback's failing status becomes an explicit destroy. If there is no service any more, the ID is gone as well.
    this.destroyId(id).catch(() => undefined);
  };

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  // ---- IDs

  /** See `CmInterface.createId`. */
  createId<Context>(
    callback: ServiceCmCallback<Context>,
    context: Context,
    onDestroyed?: (context: Context) => void,
  ): Promise<ServiceCmId<Context>> {
    const adopt = (id: AnswerResult['cmCreateId']): ServiceCmId<Context> =>
      this.#adopt(id, { callback, context, onDestroyed });
    return this.#caller.call('cmCreateId', {}, { adopt });
  }

  /**
   * See `CmInterface.destroyId`. No event is told from the call on; `onDestroyed` is told when the ID is gone.
   * @param wait resolves when the ID is gone, and not when its destruction has begun.
   */
  async destroyId(id: ServiceCmId, options: WaitForEnd = {}): Promise<void> {
    const own = this.#own(id);
    own.destroyed = true;
    const { wait = false } = options;
    await this.#mine(this.#caller.call('cmDestroyId', { handle: own.handle, wait }, waitOptions(options)));
  }

  /** A new slot, which IDs can be bound to. */
  async createSlot(): Promise<ServiceSlot> {
    const { handle } = await this.#caller.call('cmCreateSlot', {});
    return { handle, owner: this };
  }

  /** See `CmInterface.bind`. Events that happen from then on are told to the new callback. */
  async bind<Context>(
    id: ServiceCmId,
    slot: ServiceSlot,
    configuration: ServiceCmConfiguration<Context>,
  ): Promise<ServiceCmId<Context>> {
    const own = this.#own(id);
    const adopt = (): ServiceCmId<Context> => {
      own.configuration = configuration as unknown as ServiceCmConfiguration<never>;
      return own as ServiceCmId as ServiceCmId<Context>;
    };
    const request = { handle: own.handle, slot: this.#slot(slot) };
    return this.#mine(this.#caller.call('cmBind', request, { adopt }));
  }

  /** See `CmInterface.destroySlot`. */
  async destroySlot(slot: ServiceSlot, after: 'reusable' | 'reserved'): Promise<void> {
    await this.#caller.call('cmDestroySlot', { handle: this.#slot(slot), reserved: after === 'reserved' });
  }

  /** The state of its CEP, and what the two ends call the connection in their messages (0: not known yet). */
  async query(id: ServiceCmId): Promise<{ state: State; commIds: { local: number; remote: number } }> {
    const { state, localCommId: local, remoteCommId: remote } = await this.#call('cmQuery', id, {});
    return { state: state as State, commIds: { local, remote } };
  }

  // ---- listening

  /** See `CmInterface.listen`. */
  async listen(id: ServiceCmId, parameters: ListenParameters): Promise<ServiceId> {
    return (await this.#call('cmListen', id, parameters)).serviceId as ServiceId;
  }

  /** See `CmInterface.cancelListen`. */
  async cancelListen(id: ServiceCmId): Promise<void> {
    await this.#call('cmCancelListen', id, {});
  }

  /** See `CmInterface.getRequest`: the request's ID has the listener's callback, and the listener as context. */
  async getRequest<Context>(
    listener: ServiceCmId<Context>,
  ): Promise<ServiceCmRequest<ServiceCmId<Context>> | undefined> {
    const { callback } = this.#own(listener).configuration;
    return this.getRequestEx(listener, callback as unknown as ServiceCmCallback<ServiceCmId<Context>>, listener);
  }

  /** See `CmInterface.getRequestEx`. */
  async getRequestEx<Context>(
    listener: ServiceCmId,
    callback: ServiceCmCallback<Context>,
    context: Context,
    onDestroyed?: (context: Context) => void,
  ): Promise<ServiceCmRequest<Context> | undefined> {
    const { handle: listenerHandle } = this.#own(listener);
    const adopt = ({ request }: AnswerResult['cmGetRequest']): ServiceCmRequest<Context> | undefined => {
      if (request === undefined) return undefined;
      const event = new ServiceCmEvent(request.event);
      const { handle } = request;
      return { id: this.#adopt({ handle, cid: event.cid }, { callback, context, onDestroyed }), event };
    };
    return this.#mine(this.#caller.call('cmGetRequest', { handle: listenerHandle }, { adopt }));
  }

  // ---- connecting

  /** See `CmInterface.sendReq`. */
  async sendReq(id: ServiceCmId, parameters: ReqParameters): Promise<void> {
    await this.#call('cmSendReq', id, { parameters });
  }

  /** See `CmInterface.formatRep`. */
  async formatRep(id: ServiceCmId, parameters: RepParameters): Promise<void> {
    await this.#call('cmFormatRep', id, { parameters });
  }

  /** See `CmInterface.sendFormattedRep`. */
  async sendFormattedRep(id: ServiceCmId): Promise<void> {
    await this.#call('cmSendFormattedRep', id, {});
  }

  /** See `CmInterface.sendRep`. */
  async sendRep(id: ServiceCmId, parameters: RepParameters): Promise<void> {
    await this.#call('cmSendRep', id, { parameters });
  }

  /** See `CmInterface.sendRtu`. */
  async sendRtu(id: ServiceCmId, parameters: PrivateDataParameters = {}): Promise<void> {
    await this.#call('cmSendRtu', id, parameters);
  }

  /** See `CmInterface.established`. */
  async established(id: ServiceCmId): Promise<void> {
    await this.#call('cmEstablished', id, {});
  }

  /** See `CmInterface.sendRej`. */
  async sendRej(id: ServiceCmId, parameters: RejParameters): Promise<void> {
    await this.#call('cmSendRej', id, parameters);
  }

  /** See `CmInterface.sendMra`. */
  async sendMra(id: ServiceCmId, parameters: MraParameters = {}): Promise<void> {
    await this.#call('cmSendMra', id, parameters);
  }

  /** See `CmInterface.sendDreq`. */
  async sendDreq(id: ServiceCmId, parameters: DreqParameters = {}): Promise<void> {
    await this.#call('cmSendDreq', id, parameters);
  }

  /** See `CmInterface.sendDrep`. */
  async sendDrep(id: ServiceCmId, parameters: PrivateDataParameters = {}): Promise<void> {
    await this.#call('cmSendDrep', id, parameters);
  }

  // ---- paths and queue pairs

  /** See `CmInterface.sendLap`. */
  async sendLap(id: ServiceCmId, parameters: LapParameters): Promise<void> {
    await this.#call('cmSendLap', id, parameters);
  }

  /** See `CmInterface.sendApr`. */
  async sendApr(id: ServiceCmId, parameters: AprParameters = {}): Promise<void> {
    await this.#call('cmSendApr', id, parameters);
  }

  /** See `CmInterface.migrate`. */
  async migrate(id: ServiceCmId): Promise<void> {
    await this.#call('cmMigrate', id, {});
  }

  /** See `CmInterface.getQpAttr`. */
  async getQpAttr<Target extends QpTarget>(
    id: ServiceCmId,
    target: Target,
  ): Promise<AttributeValues & { readonly state: Target }> {
    const attributes = await this.#call('cmGetQpAttr', id, { target });
    return { ...(attributes as AttributeValues), state: target };
  }

  // ---- service ID resolution

  /** See `CmInterface.sendSidrReq`. */
  async sendSidrReq(id: ServiceCmId, parameters: SidrReqParameters): Promise<void> {
    await this.#call('cmSendSidrReq', id, parameters);
  }

  /** See `CmInterface.sendSidrRep`. */
  async sendSidrRep(id: ServiceCmId, parameters: SidrRepParameters): Promise<void> {
    await this.#call('cmSendSidrRep', id, parameters);
  }

  /** The handle of a live ID of this interface. @internal @throws CmError `INVALID_ID` */
  handleOf(id: ServiceCmId): number {
    return this.#own(id).handle;
  }

  async #call<Name extends ParameterCalls>(
    name: Name,
    id: ServiceCmId,
    parameters: Omit<ClientMessageBody[Name], 'handle'>,
  ): Promise<AnswerResult[Name]> {
    const { handle } = this.#own(id);
    const request = { handle, ...given(parameters) } as unknown as ClientMessageBody[Name];
    return this.#mine(this.#caller.call(name, request));
  }

  /** An ID that was destroyed at the service while the call was on its way is as invalid as one that is known to be. */
  async #mine<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'UNKNOWN_HANDLE') throw invalidId();
      throw error;
    }
  }

  #adopt<Context>(
    message: AnswerResult['cmCreateId'],
    configuration: ServiceCmConfiguration<Context>,
  ): ServiceCmId<Context> {
    const id = new Id(message, configuration as unknown as ServiceCmConfiguration<never>, this, this.#destroy);
    this.#caller.register(message.handle, id);
    return id as ServiceCmId as ServiceCmId<Context>;
  }

  #own(id: ServiceCmId): Id {
    if (!(id instanceof Id) || id.owner !== this || id.destroyed) throw invalidId();
    return id;
  }

  #slot({ handle, owner }: ServiceSlot): number {
    if (owner !== this) throw new CmError('INVALID_ID', 'the slot is not one of this interface', {});
    return handle;
  }
}

function invalidId(): CmError {
  return new CmError('INVALID_ID', 'the ID has been destroyed, or is not one of this interface', {});
}
