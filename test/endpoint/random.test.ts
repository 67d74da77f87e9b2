import { describe, expect, test } from 'vitest';
import { IbcmError, SeededRandom, uniform } from '../../src/base/index.js';
import type {
  Adapter,
  Connection,
  ConnectionRequest,
  DatagramListener,
  Listener,
  LookupRequest,
} from '../../src/endpoint/index.js';
import { type VirtualHost, VirtualNetwork } from './virtual-network.js';

/** Users who do anything in any order, over a network that loses and doubles: whatever they await settles, and nothing is left over. */

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const STEPS = 80;
const PORTS = [1, 2];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'];
const ABORTED = 'aborted';
/** One datagram of so many is lost, and one is doubled. */
const FAULTS_ONE_OF = 12;

const TO_BE_MET = [
  ...['done', ABORTED, 'CLOSED', 'LIMIT_REACHED', 'QPN_IN_USE', 'REJECTED', 'TIMEOUT'].map((end) => `connect: ${end}`),
  ...['done', ABORTED, 'CLOSED', 'LIMIT_REACHED', 'QPN_IN_USE', 'REJECTED', 'WITHDRAWN'].map((end) => `accept: ${end}`),
  ...['done', ABORTED, 'CLOSED', 'REJECTED', 'TIMEOUT'].map((end) => `lookup: ${end}`),
  ...['done', 'CLOSED', 'WITHDRAWN'].map((end) => `reject: ${end}`),
  ...['listen: done', 'listen: PORT_IN_USE', 'answer: done', 'disconnect: done', 'close: done'],
];

class Users {
  readonly net = new VirtualNetwork();
  readonly random: SeededRandom;
  readonly hosts: VirtualHost[];
  readonly listeners: (Listener | DatagramListener)[] = [];
  readonly requests: (ConnectionRequest | LookupRequest)[] = [];
  readonly connections: Connection[] = [];
  readonly aborts: AbortController[] = [];
  readonly awaited: Promise<unknown>[] = [];
  /** How often each thing came out. */
  readonly outcomes = new Map<string, number>();
  readonly wrong: string[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.hosts = [
      this.net.host(['10.0.0.1', 'fd00::1'], { seed, caGuid: 1n, limits: { maxQueuePairs: 2, qpnCount: 8 } }),
      this.net.host(['10.0.0.2', 'fd00::2'], { seed: seed + 1, caGuid: 2n, limits: { maxMads: 12, maxCeps: 12 } }),
    ];
    this.net.fate = () => (['lose', 'duplicate'] as const)[uniform(this.random, FAULTS_ONE_OF)] ?? 'deliver';
  }

  one<T>(all: readonly T[]): T | undefined {
    return all[uniform(this.random, Math.max(all.length, 1))];
  }

  chance(of: number): boolean {
    return uniform(this.random, of) === 0;
  }

  get adapter(): Adapter {
    return (this.one(this.hosts) as VirtualHost).endpoint;
  }

  get port(): number {
    return this.one(PORTS) as number;
  }

  /** Notes what comes of something. Rejected it may be with an error of ours that says what is wrong, or with an abort's reason. */
  watch<T>(name: string, promise: Promise<T>, then: (value: T) => void = () => undefined): void {
    const count = (outcome: string): void => {
      const key = `${name}: ${outcome}`;
      this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1);
    };
    const settled = promise.then(
      (value) => {
        count('done');
        then(value);
      },
      (error: unknown) => {
        if (error === ABORTED) count(ABORTED);
        else if (error instanceof IbcmError && error.code !== 'ASSERTION') count(error.code);
        else this.wrong.push(`${name}: ${String(error)}`);
      },
    );
    this.awaited.push(settled);
  }

  /** A call that returns at once. */
  call(name: string, action: () => void): void {
    this.watch(name, (async () => action())());
  }

  /** Options that any call which waits may have. */
  waiting(): { timeoutMs: number; responseTimeoutMs: number; signal?: AbortSignal } {
    const abort = new AbortController();
    if (this.chance(3)) this.aborts.push(abort);
    return { timeoutMs: 1 + uniform(this.random, 3_000), responseTimeoutMs: 200, signal: abort.signal };
  }

  /** Half of all have a queue pair elsewhere, with one of few numbers. */
  queuePair(): { qpn?: number } {
    return this.chance(2) ? { qpn: 0x100 + uniform(this.random, 4) } : {};
  }
}

const STEPS_OF: readonly ((users: Users) => unknown)[] = [
  (users) => {
    const address = users.chance(3) ? { address: users.adapter.address } : {};
    const listening = users.chance(3)
      ? users.adapter.listenDatagram({ port: users.port, ...address })
      : users.adapter.listen({ port: users.port, ...address });
    users.watch('listen', listening, (listener: Listener | DatagramListener) => {
      users.listeners.push(listener);
      void collect(users, listener);
    });
  },
  ...Array<(users: Users) => void>(4).fill((users) => {
    const host = users.one(users.chance(8) ? ['10.9.9.9'] : ADDRESSES) as string;
    const options = { host, port: users.port, ...users.waiting() };
    if (users.chance(4)) users.watch('lookup', users.adapter.lookup(options));
    else {
      const connecting = users.adapter.connect({ ...options, ...users.queuePair() });
      users.watch('connect', connecting, (connection) => users.connections.push(connection));
    }
  }),
  ...Array<(users: Users) => void>(4).fill((users) => {
    const request = users.one(users.chance(4) ? users.requests : users.requests.filter(({ isPending }) => isPending));
    if (request === undefined) return;
    if (users.chance(5)) users.call('reject', () => request.reject());
    else if ('req' in request) {
      const accepting = request.accept({ ...users.waiting(), ...users.queuePair() });
      users.watch('accept', accepting, (connection) => users.connections.push(connection));
    } else users.call('answer', () => request.accept());
  }),
  ...Array<(users: Users) => void>(2).fill((users) => {
    const connection = users.one(users.connections);
    if (connection !== undefined) users.watch('disconnect', connection.disconnect(users.waiting()));
  }),
  (users) => users.one(users.connections)?.close(),
  (users) => users.one(users.aborts)?.abort(ABORTED),
  (users) => (users.chance(3) ? users.one(users.listeners)?.close() : undefined),
  (users) => users.net.elapse(uniform(users.random, 2_000)),
  ...Array<(users: Users) => unknown>(3).fill((users) => users.net.settle()),
  (users) => {
    for (const connection of users.connections) connection.query();
  },
  (users) => (users.chance(20) ? users.watch('close', users.adapter.close({ timeoutMs: 200 })) : undefined),
];

async function collect(users: Users, listener: Listener | DatagramListener): Promise<void> {
  for await (const request of listener) users.requests.push(request);
}

/** @returns what is wrong, and what came out. */
async function play(seed: number): Promise<Users> {
  const users = new Users(seed);
  for (const listen of [STEPS_OF[0], STEPS_OF[0], STEPS_OF[0]]) listen?.(users);
  for (let step = 0; step < STEPS; step += 1) await users.one(STEPS_OF)?.(users);
  users.net.fate = () => 'deliver';
  await users.net.value(Promise.all(users.hosts.map(({ endpoint }) => endpoint.close())));
  await users.net.value(Promise.all(users.awaited));
  for (const { closeCause, queuePair } of users.connections) {
    if (closeCause === undefined || queuePair?.state === 'RTS') users.wrong.push('a connection stands');
  }
  users.wrong.push(...(await users.net.leftovers()));
  return users;
}

describe('R11: R15: R21: whatever users do', () => {
  const outcomes = new Map<string, number>();

  test.each(SEEDS)('with seed %i, everything settles, and nothing is left over', async (seed) => {
    const users = await play(seed);
    expect(users.wrong).toEqual([]);
    for (const [outcome, count] of users.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  });

  test('the seeds have met every outcome that is to be met', () => {
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(TO_BE_MET));
  });
});
