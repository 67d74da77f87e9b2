import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Adapter } from '../../endpoint/index.js';
import { openAdapter } from '../../io/index.js';
import { failureOf } from '../failure.js';
import { Service } from '../session/service.js';
import type { FromWorker, ToWorker, WorkerOptions } from './open-worker-service.js';
import { servePort } from './port-carrier.js';

/** What a thread of a service runs: an adapter and the service of it. Started by `openWorkerService`. */
async function run(parent: MessagePort, { adapter: options, service: limits }: WorkerOptions): Promise<void> {
  const tell = (message: FromWorker): void => parent.postMessage(message);
  const onWarning = (warning: string): void => tell({ warning });
  let adapter: Adapter;
  try {
    adapter = await openAdapter({ ...options, onWarning });
  } catch (error) {
    tell({ failure: failureOf(error) });
    parent.close();
    return;
  }
  const service = new Service(adapter, limits);
  parent.on('message', (message: ToWorker) => {
    if (message === 'close') void end();
    else servePort(service, message.port);
  });
  const end = async (): Promise<void> => {
    await service.close();
    await adapter.close();
    parent.close();
  };
  tell({ ready: true });
}

if (!isMainThread && parentPort !== null) await run(parentPort, workerData as WorkerOptions);
