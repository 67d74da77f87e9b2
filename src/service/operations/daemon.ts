import { chmodSync, chownSync } from 'node:fs';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { HealthImplementation } from 'grpc-health-check';
import type { CepInspector } from '../../cep/index.js';
import type { Adapter, EndpointEvent } from '../../endpoint/index.js';
import { openAdapter } from '../../io/index.js';
import type { ServiceError } from '../error.js';
import { GrpcFront } from '../grpc/grpc-front.js';
import { listenUnix } from '../grpc/unix-socket.js';
import type { ClientView } from '../session/client-session.js';
import { Service } from '../session/service.js';
import type { DrainStarted, LogLevelChange, ReloadResult, ServiceStatus } from './admin-messages.js';
import { type AdminHost, addAdmin, addStatus } from './admin-service.js';
import { type Configured, changeBetween } from './configuration.js';
import { ConnectionList } from './connection-list.js';
import { groupId } from './group.js';
import { HttpServer } from './http-server.js';
import type { Logger } from './log.js';
import { MessageTrace } from './message-trace.js';
import { Metrics } from './metrics.js';
import { loadPeerUser, type PeerUser } from './peer-user.js';
import { inheritedSockets, type ServiceManager } from './service-manager.js';
import type { Configuration, LogLevel, SettingName } from './settings.js';
import { SpanExport } from './span-export.js';
import { readStatistics, type Statistics } from './statistics.js';

export interface DaemonOptions {
  /** Reads the configuration: now, and again at every reload. @throws ServiceError `CONFIGURATION` */
  readonly configure: () => Configured;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly manager: ServiceManager;
  readonly version: string;
  /** Which user a client is. Default: as the system says. */
  readonly userOf?: PeerUser;
}

/** How long peers may take to acknowledge that the service itself lets go of what is left. */
const CLOSE_TIMEOUT_MS = 2_000;
/** How often the service manager is told how things are. */
const STATUS_INTERVAL_MS = 10_000;
const OWNER_ONLY = 0o600;
const OWNER_AND_GROUP = 0o660;
const ROOT = 0;
/** What orchestrators ask for: the service as a whole. */
const WHOLE_SERVICE = '';
const IBCM_SERVICE_NAME = 'ibcm.v1.Ibcm';

/** A running service: an adapter, its clients' way in, and everything by which it is watched and run. */
export class Daemon implements AdminHost {
  readonly trace: MessageTrace;
  readonly connections: ConnectionList;
  readonly metrics: Metrics;
  readonly #options: DaemonOptions;
  readonly #adapter: Adapter;
  readonly #service: Service;
  /** For clients, and for clients that may administer. */
  readonly #front: GrpcFront;
  readonly #ownFront: GrpcFront;
  readonly #userOf: PeerUser;
  readonly #health = new HealthImplementation({ [WHOLE_SERVICE]: 'SERVING', [IBCM_SERVICE_NAME]: 'SERVING' });
  readonly #spans: SpanExport;
  readonly #startedMs = performance.now();
  readonly #timers: NodeJS.Timeout[] = [];
  #configured: Configured;
  #listener: NetServer | undefined;
  /** Whether the listening socket was handed over: then its mode and its end are its maker's. */
  #isInherited = false;
  #http: HttpServer | undefined;
  #ending: Promise<void> | undefined;
  #reloading: Promise<unknown> = Promise.resolve();
  #whenEnded: () => void = () => undefined;
  /** Resolves when the service has ended, whoever has ended it. */
  readonly ended: Promise<void>;

  private constructor(options: DaemonOptions, configured: Configured, adapter: Adapter, trace: MessageTrace) {
    this.#options = options;
    this.#configured = configured;
    this.#adapter = adapter;
    this.trace = trace;
    const { configuration } = configured;
    this.#service = new Service(adapter, {
      limits: clientLimits(configuration),
      maxClients: configuration.maxClients,
      onClient: (client, change, because) => this.#logClient(client, change, because),
    });
    this.#front = new GrpcFront(this.#service);
    this.#ownFront = new GrpcFront(this.#service);
    this.#userOf = options.userOf ?? loadPeerUser();
    this.connections = new ConnectionList(adapter.inspect(), this.#service, () => adapter.now());
    this.metrics = new Metrics(() => this.statistics(), options.version);
    this.#spans = new SpanExport(trace, options.version, options.log);
    addStatus(this.#front.server, this);
    addAdmin(this.#ownFront.server, this);
    for (const { server } of [this.#front, this.#ownFront]) this.#health.addToServer(server);
    this.ended = new Promise((resolve) => {
      this.#whenEnded = resolve;
    });
  }

  /** @throws IoError when an address cannot be had; ServiceError `CONFIGURATION`, `UNAVAILABLE` when a service listens there already. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { configure, log } = options;
    const configured = configure();
    const { address, icrc, maxConnections, maxQueuePairs, maxRequestsPerSecond } = configured.configuration;
    const trace = new MessageTrace();
    let daemon: Daemon | undefined;
    const adapter = await openAdapter({
      address,
      icrc,
      limits: {
        maxCeps: maxConnections,
        maxQueuePairs,
        maxRequestsPerSecond,
        qpnCount: Math.max(maxQueuePairs, 2 ** 20),
      },
      wrapPort: (port) => trace.tap(port),
      onEvent: (event) => daemon?.logEvent(event),
      onWarning: (warning) => log.warn(warning),
    });
    daemon = new Daemon(options, configured, adapter, trace);
    try {
      await daemon.#open();
    } catch (error) {
      await daemon.#close();
      throw error;
    }
    return daemon;
  }

  async #open(): Promise<void> {
    const { log, manager } = this.#options;
    const { configuration } = this.#configured;
    await this.#listen();
    if (configuration.metrics !== undefined) await this.#openHttp(configuration.metrics);
    this.#spans.sendTo(configuration.spans);
    const { watchdogMs } = manager;
    if (watchdogMs !== undefined) this.#every(watchdogMs / 2, () => manager.notify({ state: 'watchdog' }));
    if (manager.isPresent) this.#every(STATUS_INTERVAL_MS, () => manager.notify({ status: this.#statusText() }));
    log.info(
      { addresses: this.#adapter.addresses, socket: this.socket, metricsPort: this.#http?.port, pid: process.pid },
      'serving',
    );
    manager.notify({ state: 'ready', status: this.#statusText() });
  }

  /** The path of the Unix socket; undefined if it was handed over. */
  get socket(): string | undefined {
    return this.#isInherited ? undefined : this.#configured.configuration.socket;
  }

  get isReady(): boolean {
    return this.#ending === undefined;
  }

  status(): ServiceStatus {
    return {
      version: this.#options.version,
      pid: process.pid,
      uptimeS: (performance.now() - this.#startedMs) / 1_000,
      state: this.isReady ? 'serving' : 'draining',
      addresses: this.#adapter.addresses,
      logLevel: this.#options.log.level,
      clients: this.#clientCount,
      connections: this.#adapter.usage.ceps,
    };
  }

  statistics(): Statistics {
    return readStatistics({ adapter: this.#adapter, connections: this.connections, service: this.#service });
  }

  inspect(): CepInspector {
    return this.#adapter.inspect();
  }

  check(): readonly string[] {
    return this.#service.check();
  }

  setLogLevel(level: LogLevel): LogLevelChange {
    const { log } = this.#options;
    const before = log.level;
    log.level = level;
    log.info({ before, now: level }, 'log level changed');
    return { before, now: level };
  }

  /** Reads the configuration again. One reload after the other. @throws ServiceError `CONFIGURATION`; IoError; what was applied before stays. */
  reload(): Promise<ReloadResult> {
    const result = this.#reloading.then(() => this.#reload());
    this.#reloading = result.catch(() => undefined);
    return result;
  }

  /** Begins to end: no new clients, and those that are there have some time to go. Harmless the second time. */
  drain(timeoutMs: number = this.#configured.configuration.drainTimeoutMs): DrainStarted {
    const clients = this.#clientCount;
    this.#ending ??= this.#end(timeoutMs);
    return { clients, timeoutMs };
  }

  /** Ends at once, without a word to anybody but who listens on the socket. */
  abort(): void {
    this.#listener?.close();
  }

  /** @internal Of the adapter's endpoints. */
  logEvent({ type, cause, cid, listener, transmissions }: EndpointEvent): void {
    const { log } = this.#options;
    if (!log.isLevelEnabled('debug')) return;
    const client = this.#service.ownerOf(cid)?.id;
    log.debug(
      { cid, client, listener: listener === 0 ? undefined : listener, event: type, cause, transmissions },
      type,
    );
  }

  #logClient({ id, name, pid, owns }: ClientView, change: 'came' | 'went', because: ServiceError | undefined): void {
    const { log } = this.#options;
    if (change === 'came') log.info({ client: id, name, pid }, 'client came');
    else if (because === undefined) log.info({ client: id, name, pid, owned: owns }, 'client went');
    else log.warn({ client: id, name, pid, owned: owns, code: because.code }, `client sent away: ${because.message}`);
  }

  get #clientCount(): number {
    return [...this.#service.clients].length;
  }

  async #listen(): Promise<void> {
    const { socket, group } = this.#configured.configuration;
    const [descriptor, ...others] = inheritedSockets(this.#options.environment);
    if (others.length > 0) this.#options.log.warn({ more: others.length }, 'only the first socket handed over is used');
    if (descriptor !== undefined) {
      const listener = createServer();
      this.#serve(listener);
      listener.listen({ fd: descriptor });
      this.#listener = listener;
      this.#isInherited = true;
      return;
    }
    const gid = group === undefined ? undefined : groupId(group);
    this.#listener = await listenUnix(socket, gid === undefined ? {} : { gid });
    this.#serve(this.#listener);
  }

  #serve(listener: NetServer): void {
    const [enter, administer] = [this.#front.door(), this.#ownFront.door()];
    listener.on('connection', (socket) => (this.#mayAdminister(socket) ? administer : enter)(socket));
  }

  /** Root and our own user may, who could end the service anyway; where nobody is known, whoever can connect to a socket that is only for our user. */
  #mayAdminister(socket: Socket): boolean {
    const user = this.#userOf(socket);
    if (user !== undefined) return user === ROOT || user === process.getuid?.();
    return !this.#isInherited && this.#configured.configuration.group === undefined;
  }

  async #openHttp(where: Configuration['metrics']): Promise<void> {
    await this.#closeHttp();
    this.#http = where && (await HttpServer.open(where, this));
  }

  /** The one before goes first, since it may be what has the port. If the next cannot be had, it comes back. */
  async #moveHttp(before: Configuration['metrics'], next: Configuration['metrics']): Promise<void> {
    try {
      await this.#openHttp(next);
    } catch (error) {
      await this.#openHttp(before);
      throw error;
    }
  }

  async #closeHttp(): Promise<void> {
    const http = this.#http;
    this.#http = undefined;
    await http?.close();
  }

  async #reload(): Promise<ReloadResult> {
    const { log, manager, configure } = this.#options;
    manager.notify({ state: 'reloading' });
    try {
      const next = configure();
      const { reloadable, fixed } = changeBetween(this.#configured, next);
      const isLevelOff = log.level !== next.configuration.logLevel && !reloadable.includes('logLevel');
      const changed = isLevelOff ? ['logLevel', ...reloadable] : reloadable;
      await this.#apply(next.configuration, reloadable);
      this.#configured = keeping(fixed, this.#configured, next);
      log.info({ changed, needsRestart: fixed }, 'reloaded');
      return { changed, needsRestart: fixed };
    } catch (error) {
      log.error({ err: error }, 'the configuration cannot be reloaded; the one before stays');
      throw error;
    } finally {
      manager.notify({ state: this.isReady ? 'ready' : 'stopping', status: this.#statusText() });
    }
  }

  async #apply(configuration: Configuration, changed: readonly SettingName[]): Promise<void> {
    // What can fail goes first.
    const gid = configuration.group === undefined ? undefined : groupId(configuration.group);
    if (changed.includes('metrics'))
      await this.#moveHttp(this.#configured.configuration.metrics, configuration.metrics);
    if (changed.includes('group')) this.#setGroup(gid);
    // Even if the configuration has not changed: the level may have been.
    this.#options.log.level = configuration.logLevel;
    if (changed.includes('spans')) this.#spans.sendTo(configuration.spans);
    this.#service.limits = clientLimits(configuration);
  }

  #setGroup(gid: number | undefined): void {
    const path = this.socket;
    if (path === undefined) {
      this.#options.log.warn('the socket was handed over: its group is not ours to change');
      return;
    }
    // First closed, then handed on: nobody comes in between.
    chmodSync(path, OWNER_ONLY);
    chownSync(path, process.getuid?.() ?? 0, gid ?? process.getgid?.() ?? 0);
    if (gid !== undefined) chmodSync(path, OWNER_AND_GROUP);
  }

  async #end(timeoutMs: number): Promise<void> {
    const { log, manager } = this.#options;
    manager.notify({ state: 'stopping', status: `draining: ${this.#clientCount} clients` });
    log.info({ clients: this.#clientCount, timeoutMs }, 'draining');
    this.#health.setStatus(WHOLE_SERVICE, 'NOT_SERVING');
    this.#health.setStatus(IBCM_SERVICE_NAME, 'NOT_SERVING');
    await this.#reloading;
    await this.#service.drain({ timeoutMs });
    await this.#close();
    log.info('ended');
    this.#whenEnded();
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#service.close();
    await this.#adapter.close({ timeoutMs: CLOSE_TIMEOUT_MS });
    this.#listener?.close();
    this.#front.close();
    this.#ownFront.close();
    await this.#closeHttp();
    await this.#spans.close();
  }

  #every(intervalMs: number, call: () => void): void {
    const timer = setInterval(call, intervalMs);
    timer.unref();
    this.#timers.push(timer);
  }

  #statusText(): string {
    const { state, clients, connections, addresses } = this.status();
    return `${state} ${addresses.join(', ')}: ${clients} clients, ${connections} connections`;
  }
}

/** The next configuration, but for what only a restart brings into effect: the reload after it compares with what is in effect. */
function keeping(fixed: readonly SettingName[], before: Configured, next: Configured): Configured {
  const kept = Object.fromEntries(fixed.map((name) => [name, before.configuration[name]]));
  return {
    ...next,
    configuration: { ...next.configuration, ...kept },
    given: new Map([...next.given, ...fixed.map((name) => [name, before.given.get(name)] as const)]),
  };
}

function clientLimits(configuration: Configuration): Service['limits'] {
  return {
    ceps: configuration.clientCeps,
    listens: configuration.clientListens,
    memoryBytes: configuration.clientMemoryBytes,
    calls: configuration.clientCalls,
    callsPerSecond: configuration.clientCallsPerSecond,
    waiting: configuration.clientWaiting,
  };
}
