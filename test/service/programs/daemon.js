// A service for the tests, to be killed. Run with --expose-gc.
//
//   daemon.js ADDRESS SOCKET
//
// Prints "ready" when it serves, and for each line that it reads a line of JSON: what it holds.
import { createInterface } from 'node:readline';
import { openAdapter } from '../../../dist/io/index.js';
import { GrpcFront, listenUnix, Service } from '../../../dist/service/index.js';

const [address, socket] = process.argv.slice(2);
const adapter = await openAdapter({ address, onWarning: () => undefined });
const service = new Service(adapter, { maxClients: 200 });
const front = new GrpcFront(service);
front.attach(await listenUnix(socket));

/** Memory after what is garbage has been collected: some is only found by the second collection. */
function memory() {
  for (let i = 0; i < 4; i += 1) globalThis.gc();
  return process.memoryUsage();
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { heapUsed, external, arrayBuffers } = line === 'memory' ? memory() : {};
  const clients = [...service.clients].map(({ name, owns, calls }) => ({ name, owns, calls }));
  const { usage } = adapter;
  process.stdout.write(
    `${JSON.stringify({ wrong: service.check(), clients, usage, heapUsed, external, arrayBuffers })}\n`,
  );
});
process.stdout.write('ready\n');
