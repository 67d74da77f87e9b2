import {
  type CloseCause,
  type ConnectionDetails,
  type ConnectionEnd,
  type ConnectionStatus,
  type DisconnectOptions,
  type ImmediateOption,
  type Message,
  type ReceiveOptions,
  type RegisterRights,
  type RemoteMemory,
  TransferError,
} from '../../endpoint/index.js';
import { ServiceError } from '../error.js';
import { given } from '../given.js';
import type * as wire from '../messages.js';
import { type Caller, type EventReceiver, eventNamed } from './caller.js';
import { ServiceRegion } from './service-region.js';

/** As in process, and `lost`: there is no service any more, and the connection has ended with it. */
export type ServiceCloseCause = CloseCause | 'lost';

/** How a connection ended. */
export interface ServiceCloseDetails {
  readonly cause: ServiceCloseCause;
  /** The private data of the peer's DREQ or DREP, if there was one. */
  readonly privateData: Uint8Array | undefined;
}

/** `close`: the connection has ended. Sent once. */
export class ServiceCloseEvent extends Event implements ServiceCloseDetails {
  readonly cause: ServiceCloseCause;
  readonly privateData: Uint8Array | undefined;

  constructor({ cause, privateData }: ServiceCloseDetails) {
    super('close');
    this.cause = cause;
    this.privateData = privateData;
  }
}

/** A `Connection` that is at the service: see there. It sends `close` and `timewaitexit`. */
export class ServiceConnection extends EventTarget implements ConnectionDetails, EventReceiver {
  readonly role: 'active' | 'passive';
  readonly local: ConnectionEnd;
  readonly remote: ConnectionEnd;
  readonly responderResources: number;
  readonly initiatorDepth: number;
  readonly privateData: Uint8Array;
  /** The CM's handle at the service. For logs. */
  readonly cid: number;
  /** Whether the connection has a queue pair at the service, which moves data; otherwise it is elsewhere, and the connection is CM-only. */
  readonly hasQueuePair: boolean;
  /** Resolves when the connection has ended, whoever ended it; never rejects. */
  readonly closed: Promise<ServiceCloseDetails>;
  readonly #caller: Caller;
  readonly #handle: number;
  #whenClosed: (details: ServiceCloseDetails) => void = () => undefined;
  #cause: ServiceCloseCause | undefined;
  /** How it was at last, when the service does not know it any more. */
  #final: ConnectionStatus | undefined;

  private constructor(caller: Caller, connection: wire.Connection) {
    super();
    const { handle, cid, role, local, remote, responderResources, initiatorDepth, privateData, hasQueuePair } =
      connection;
    this.#caller = caller;
    this.#handle = handle;
    this.cid = cid;
    this.role = role as 'active' | 'passive';
    this.local = local;
    this.remote = remote;
    this.responderResources = responderResources;
    this.initiatorDepth = initiatorDepth;
    this.privateData = privateData;
    this.hasQueuePair = hasQueuePair;
    this.closed = new Promise((resolve) => {
      this.#whenClosed = resolve;
    });
    caller.register(handle, this);
  }

  /** @internal */
  static adopting(caller: Caller): (connection: wire.Connection) => ServiceConnection {
    return (connection) => new ServiceConnection(caller, connection);
  }

  /** Why the connection ended, as far as this client has been told; undefined while it stands. */
  get closeCause(): ServiceCloseCause | undefined {
    return this.#cause;
  }

  /** All that there is to know of it now; afterwards, too. */
  async query(): Promise<ConnectionStatus> {
    const status = await this.#unlessReleased(this.#caller.call('queryConnection', { handle: this.#handle }));
    return status === undefined ? (this.#final as ConnectionStatus) : statusOf(status);
  }

  // ---- data. What is sent is copied to the service, what is received or read is copied from there.

  /** See `Connection.send`. */
  async send(data: Uint8Array, options: ImmediateOption = {}): Promise<void> {
    await this.#transfer('send', this.#caller.call('send', { handle: this.#handle, data, ...given(options) }));
  }

  /** See `Connection.receive`. */
  async receive({ signal }: ReceiveOptions = {}): Promise<Message | undefined> {
    const received = await this.#unlessReleased(this.#caller.call('receive', { handle: this.#handle }, { signal }));
    const message = received?.message;
    return message && { data: message.data, immediate: message.immediate };
  }

  /** See `Connection.write`. */
  async write(to: RemoteMemory, data: Uint8Array, options: ImmediateOption = {}): Promise<void> {
    const request = { handle: this.#handle, to: memoryOf(to), data, ...given(options) };
    await this.#transfer('write', this.#caller.call('write', request));
  }

  /** See `Connection.read`. At most 4 MiB at once. */
  async read(from: RemoteMemory, into: Uint8Array): Promise<void> {
    const request = { handle: this.#handle, from: memoryOf(from), length: into.length };
    const { data } = await this.#transfer('read', this.#caller.call('read', request));
    into.set(data);
  }

  /** See `Connection.fetchAdd`. */
  async fetchAdd(at: RemoteMemory, add: bigint): Promise<bigint> {
    const request = { handle: this.#handle, at: memoryOf(at), add };
    return (await this.#transfer('fetchAdd', this.#caller.call('fetchAdd', request))).value;
  }

  /** See `Connection.compareSwap`. */
  async compareSwap(at: RemoteMemory, compare: bigint, swap: bigint): Promise<bigint> {
    const request = { handle: this.#handle, at: memoryOf(at), compare, swap };
    return (await this.#transfer('compareSwap', this.#caller.call('compareSwap', request))).value;
  }

  /**
   * Memory at the service for the peer to work on, until it is deregistered or the connection has ended. Tell the peer its `address` and `rkey`.
   * @param memory what it holds at first: it is copied, and what the peer does to the copy is read with `ServiceRegion.read`.
   * @throws as `Connection.register`.
   */
  register(memory: Uint8Array | ArrayBuffer, rights: RegisterRights = {}): Promise<ServiceRegion> {
    const { remoteRead = false, remoteWrite = false, remoteAtomic = false } = rights;
    const data = memory instanceof Uint8Array ? memory : new Uint8Array(memory);
    const request = { handle: this.#handle, length: data.length, data, remoteRead, remoteWrite, remoteAtomic };
    const adopt = (region: wire.Region): ServiceRegion => new ServiceRegion(this.#caller, region, data.length);
    return this.#transfer('register', this.#caller.call('register', request, { adopt }));
  }

  // ---- its end

  /** See `Connection.disconnect`. */
  async disconnect({ signal, ...options }: DisconnectOptions = {}): Promise<ServiceCloseCause> {
    signal?.throwIfAborted();
    if (this.#cause !== undefined) return this.#cause;
    const { cause } = await this.#caller.call('disconnect', { handle: this.#handle, ...given(options) }, { signal });
    return cause as CloseCause;
  }

  /** See `Connection.close`: it does not wait for the service either. */
  close(): void {
    if (this.#final === undefined && this.#caller.end === undefined) {
      this.#caller.call('close', { handle: this.#handle }).catch(() => undefined);
    }
    this.#caller.forget(this.#handle);
    this.#end({ cause: 'closed', privateData: undefined });
  }

  /** Disconnects, with the default deadline. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  /** @internal */
  handleEvent(event: wire.Event): void {
    const closed = eventNamed(event, 'closed');
    const released = eventNamed(event, 'released');
    if (closed !== undefined) this.#end({ cause: closed.cause as CloseCause, privateData: closed.privateData });
    if (event.body === 'timewaitExit') this.dispatchEvent(new Event('timewaitexit'));
    if (released !== undefined) this.#final = statusOf(released.final);
  }

  /** @internal */
  handleLost(): void {
    this.#end({ cause: 'lost', privateData: undefined });
  }

  /** What a call says, or undefined if the service had forgotten the connection when it came: then we know how it was at last. */
  async #unlessReleased<T>(call: Promise<T>): Promise<T | undefined> {
    try {
      return await call;
    } catch (error) {
      if (this.#final !== undefined && isUnknownHandle(error)) return undefined;
      throw error;
    }
  }

  /** A transfer of a connection that the service has forgotten fails as that of any connection that has ended. */
  async #transfer<T>(operation: string, call: Promise<T>): Promise<T> {
    const result = await this.#unlessReleased(call);
    if (result === undefined) throw new TransferError(operation, 'flushed');
    return result;
  }

  #end(details: ServiceCloseDetails): void {
    if (this.#cause !== undefined) return;
    this.#cause = details.cause;
    this.#whenClosed(details);
    this.dispatchEvent(new ServiceCloseEvent(details));
  }
}

function isUnknownHandle(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'UNKNOWN_HANDLE';
}

function memoryOf({ address, rkey }: RemoteMemory): wire.RemoteMemory {
  return { address: BigInt(address), rkey };
}

/** What the service calls a state is a state. */
function statusOf(status: wire.ConnectionStatus): ConnectionStatus {
  return status as unknown as ConnectionStatus;
}
