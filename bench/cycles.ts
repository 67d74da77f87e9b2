import type { SocketOptions } from 'ibcm/io';
import { CFloor, type CycleCost } from './c-floor.js';
import { Acceptor, Connector } from './connection-cycles.js';
import { CLIENT_ADDRESS, localAddress, PEER_ADDRESS } from './cycles-addresses.js';
import { PeerProcess } from './cycles-child.js';
import { DgramExchange } from './dgram-exchange.js';
import { PortExchange } from './port-exchange.js';

/**
 * Run by cycles-loopback.ts as a process of its own: connections over real sockets, made and ended, beside the same datagrams in plain C and through node:dgram. Rounds of
 * all take turns. Prints what a connection costs, medians, as JSON.
 */

export type Contender =
  | 'segmented'
  | 'batched'
  | 'dgram'
  | 'two processes'
  | 'segmented alone'
  | 'batched alone'
  | 'node:dgram alone'
  | 'C';
export type CycleCosts = { readonly [Name in Exclude<Contender, 'C'>]: CycleCost } & {
  /** Or why it cannot be had. */
  readonly C: CycleCost | string;
};

const ROUNDS = 9;
const WARM_UP_ROUNDS = 2;
const CYCLES = 6_000;
/** At once. */
const DEPTH = 128;

interface Entrant {
  readonly name: Contender;
  readonly run: () => Promise<CycleCost>;
  readonly close: () => Promise<unknown> | undefined;
}

/** What it costs, a connection. @param others the processor time that other processes have used for it, in microseconds. */
async function costOf(run: () => Promise<void>, others: () => Promise<number> | number = () => 0): Promise<CycleCost> {
  const otherBegin = await others();
  const begin = performance.now();
  const usage = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(usage);
  const elapsed = (performance.now() - begin) * 1_000;
  return { processor: (user + system + (await others()) - otherBegin) / CYCLES, elapsed: elapsed / CYCLES };
}

async function pair(name: Contender, index: number, options: SocketOptions): Promise<Entrant> {
  const [server, client] = [localAddress(2 * index), localAddress(2 * index + 1)];
  const acceptor = await Acceptor.open(server, options);
  const connector = await Connector.open(client, server, options);
  return {
    name,
    run: () => costOf(() => connector.run(CYCLES, DEPTH)),
    close: () => Promise.all([connector.close(), acceptor.close()]),
  };
}

async function processes(): Promise<Entrant> {
  const peer = await PeerProcess.start();
  const connector = await Connector.open(CLIENT_ADDRESS, PEER_ADDRESS, {});
  return {
    name: 'two processes',
    run: () =>
      costOf(
        () => connector.run(CYCLES, DEPTH),
        () => peer.used(),
      ),
    close: () => Promise.all([connector.close(), peer.stop()]),
  };
}

async function plain(): Promise<Entrant> {
  const exchange = await DgramExchange.open();
  return {
    name: 'node:dgram alone',
    run: () => costOf(() => exchange.run(CYCLES, DEPTH)),
    close: async () => exchange.close(),
  };
}

async function ports(name: Contender, index: number, options: SocketOptions): Promise<Entrant> {
  const exchange = await PortExchange.open(localAddress(2 * index), localAddress(2 * index + 1), options);
  return { name, run: () => costOf(() => exchange.run(CYCLES, DEPTH)), close: () => exchange.close() };
}

/** @returns why not, if there is no compiler. */
function floor(): Entrant | string {
  try {
    const program = new CFloor();
    return { name: 'C', run: async () => program.run(CYCLES), close: () => undefined };
  } catch (error) {
    return (error as Error).message;
  }
}

const entrants = [
  await pair('segmented', 0, {}),
  await pair('batched', 1, { segmentation: false }),
  await pair('dgram', 2, { sockets: 'dgram' }),
  await processes(),
  await ports('segmented alone', 3, {}),
  await ports('batched alone', 4, { segmentation: false }),
  await plain(),
];
const c = floor();
if (typeof c !== 'string') entrants.push(c);
const rounds = new Map<Contender, CycleCost[]>();
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
  for (const index of entrants.keys()) {
    const { name, run } = entrants[(index + round) % entrants.length] as Entrant;
    const cost = await run();
    if (round >= WARM_UP_ROUNDS) rounds.set(name, [...(rounds.get(name) ?? []), cost]);
  }
}
for (const { close } of entrants) await close();
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
const medians = [...rounds].map(([name, costs]) => [
  name,
  {
    processor: median(costs.map(({ processor }) => processor)),
    elapsed: median(costs.map(({ elapsed }) => elapsed)),
  },
]);
console.log(JSON.stringify({ ...(typeof c === 'string' && { C: c }), ...Object.fromEntries(medians) }));
