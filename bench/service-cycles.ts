import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Adapter, openAdapter } from 'ibcm';
import { connectService, GrpcFront, listenUnix, openLocalService, openWorkerService, Service } from 'ibcm/service';

/**
 * Run by service.ts as a process of its own: what connections and messages cost a client of a service, over each way to it, beside what they cost in process. Both
 * sides of everything are in this process, over real sockets, and processor time is measured: the client's, the service's and the peer's. Prints medians as JSON.
 */

export interface ServiceCosts {
  /** Microseconds of processor time for each connection, each message of a length, by way. */
  readonly [what: string]: number;
}

const ROUNDS = 7;
const WARM_UP_ROUNDS = 2;
const CYCLES = 150;
const MESSAGES = 1_000;
const ROUND_TRIPS = 300;
const DEPTH = 16;
const PORT = 1;
const BYTES = 1_024;

/** What the benchmark needs of an adapter, be it one or the client of one. */
interface Connector {
  connect(options: { host: string; port: number }): Promise<Connected>;
}
interface Connected {
  send(data: Uint8Array): Promise<void>;
  receive(): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

const quiet = { onWarning: () => undefined };
const folder = mkdtempSync(join(tmpdir(), 'ibcm-bench-'));
const adapter = await openAdapter({ address: '127.0.2.1', ...quiet });
const peer: Adapter = await openAdapter({ address: '127.0.2.2', ...quiet });
const service = new Service(adapter);
const front = new GrpcFront(service);
const socket = await listenUnix(join(folder, 'socket'));
front.attach(socket);
const ways = {
  'in process': adapter,
  'a service in process': await openLocalService(service),
  'a service in a thread': await openWorkerService({ address: '127.0.2.3', ...quiet }),
  'a service over gRPC': await connectService({ address: `unix:${join(folder, 'socket')}` }),
} as const satisfies Record<string, Connector>;

const listener = await peer.listen({ port: PORT });
const requests = listener[Symbol.asyncIterator]();

async function pair(from: Connector): Promise<{ ours: Connected; theirs: Connected }> {
  const connecting = from.connect({ host: '127.0.2.2', port: PORT });
  const { value: request } = await requests.next();
  if (request === undefined) throw new Error('nobody asked');
  const [ours, theirs] = await Promise.all([connecting, request.accept({ receives: 64 })]);
  return { ours, theirs };
}

async function cycles(from: Connector): Promise<void> {
  for (let i = 0; i < CYCLES; i += 1) await (await pair(from)).ours.disconnect();
}

/** One way, some on their way at once. */
async function stream(from: Connected, to: Connected): Promise<void> {
  const data = new Uint8Array(BYTES);
  let left = MESSAGES;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await Promise.all([from.send(data), to.receive()]);
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, lane));
}

/** There and back, one at a time. */
async function roundTrips(ours: Connected, theirs: Connected): Promise<void> {
  const data = new Uint8Array(64);
  for (let i = 0; i < ROUND_TRIPS; i += 1) {
    await Promise.all([ours.send(data), theirs.receive()]);
    await Promise.all([theirs.send(data), ours.receive()]);
  }
}

const costs = new Map<string, number[]>();

/** In microseconds of processor time, and, as `…, elapsed`, of the clock. */
async function used(what: string, count: number, run: () => Promise<void>): Promise<void> {
  const [begin, beganAt] = [process.cpuUsage(), performance.now()];
  await run();
  const { user, system } = process.cpuUsage(begin);
  note(what, (user + system) / count);
  note(`${what}, elapsed`, ((performance.now() - beganAt) * 1_000) / count);
}

function note(what: string, value: number): void {
  costs.set(what, [...(costs.get(what) ?? []), value]);
}

for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
  if (round === WARM_UP_ROUNDS) costs.clear();
  for (const [way, from] of Object.entries(ways)) {
    await used(`connections, ${way}`, CYCLES, () => cycles(from));
    const { ours, theirs } = await pair(from);
    await used(`sends, ${way}`, MESSAGES, () => stream(ours, theirs));
    await used(`receives, ${way}`, MESSAGES, () => stream(theirs, ours));
    await used(`there and back, ${way}`, ROUND_TRIPS, () => roundTrips(ours, theirs));
    await ours.disconnect();
  }
}
for (const way of Object.values(ways)) if (way !== adapter) await way.close();
await service.close();
socket.close();
front.close();
await Promise.all([adapter.close(), peer.close()]);
rmSync(folder, { recursive: true });
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
console.log(JSON.stringify(Object.fromEntries([...costs].map(([what, values]) => [what, median(values)]))));
