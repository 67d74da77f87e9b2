import { once } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { OpenAdapterOptions, SocketOptions } from '../../io/index.js';
import { type ClientOptions, ServiceClient } from '../client/service-client.js';
import { ServiceError } from '../error.js';
import { errorOf } from '../failure.js';
import type { Failure } from '../messages.js';
import type { ServiceOptions } from '../session/service.js';
import { portLink } from './port-link.js';

/** What an adapter in another thread can be told: no functions. */
export type WorkerAdapterOptions = Pick<OpenAdapterOptions, 'address' | 'caGuid' | 'limits' | 'icrc'> & SocketOptions;

export interface WorkerOptions {
  readonly adapter: WorkerAdapterOptions;
  readonly service: Pick<ServiceOptions, 'limits' | 'maxClients'>;
}

/** What the thread is told: a client has come, or that it shall end. */
export type ToWorker = { readonly port: MessagePort } | 'close';
/** What the thread says: that it serves, why it does not, or what the machine does not let it do right. */
export type FromWorker = { readonly ready: true } | { readonly failure: Failure } | { readonly warning: string };

export interface OpenWorkerServiceOptions extends WorkerAdapterOptions, ClientOptions {
  /** What the client may have, where it is not the default. */
  readonly clientLimits?: ServiceOptions['limits'];
  /** See `OpenAdapterOptions`. */
  readonly onWarning?: (warning: string) => void;
  /** @internal The thread's program, for tests. */
  readonly program?: URL;
}

const PROGRAM = new URL('./worker.js', import.meta.url);

/**
 * Opens an adapter in a thread of its own, where a busy event loop of this one delays none of its messages and timers. Closing the client closes the adapter.
 * @throws as `openAdapter`.
 */
export async function openWorkerService(options: OpenWorkerServiceOptions): Promise<ServiceClient> {
  const { clientLimits, onWarning = warn, program = PROGRAM, name, ...adapter } = options;
  const workerData: WorkerOptions = { adapter, service: clientLimits === undefined ? {} : { limits: clientLimits } };
  const worker = new Worker(program, { workerData });
  const exited = once(worker, 'exit');
  await ready(worker, onWarning);
  const { port1: port, port2 } = new MessageChannel();
  worker.postMessage({ port: port2 } satisfies ToWorker, [port2]);
  return ServiceClient.open(portLink(port), name === undefined ? {} : { name }, async () => {
    worker.postMessage('close' satisfies ToWorker);
    await exited;
  });
}

function ready(worker: Worker, onWarning: (warning: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      if ('warning' in message) onWarning(message.warning);
      else if ('failure' in message) reject(errorOf(message.failure));
      else resolve();
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new ServiceError('UNAVAILABLE', 'the thread of the service has ended', {})));
  });
}

function warn(warning: string): void {
  process.emitWarning(warning, { type: 'IbcmWarning' });
}
