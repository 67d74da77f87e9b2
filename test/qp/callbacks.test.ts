import { describe, expect, test } from 'vitest';
import { AssertionError, IbcmError } from '../../src/base/index.js';
import type { EventType } from '../../src/cep/index.js';
import type { ConnectedQueuePair } from '../../src/qp/index.js';
import { REJECT_REASONS } from '../../src/wire/index.js';
import { detour } from '../cep/pair.js';
import { type End, World } from './world.js';

/**
 * What may be called from the callback of a connected queue pair: everything. Whatever may be called right after the callback may be called in it,
 * with the same outcome, at once; what is refused is refused with an error that has a type, and nothing waits for anything (R14).
 */

type QueuePair = ConnectedQueuePair<string>;

/** Brings an event to a queue pair whose consumer answers itself. */
const EVENTS: Readonly<Partial<Record<EventType, (world: World) => void>>> = {
  req_received: (world) => {
    const [client, server] = [world.client.create('client', MANUAL), world.server.create('server', MANUAL)];
    client.connect(world.request({ peerToPeer: true }), world.now);
    server.connect(world.opposite({ peerToPeer: true }), world.now);
  },
  rep_received: replied,
  rtu_received: (world) => confirmed(replied(world), world),
  mra_received: (world) => world.requested(world.client.create('client', MANUAL)).delay({}, world.now),
  rej_received: (world) => world.requested(world.client.create('client', MANUAL)).reject({}, world.now),
  req_error: (world) => {
    world.client.create('client', MANUAL).connect(world.request(), world.now);
    world.pair.exhaust();
  },
  rep_error: (world) => {
    replied(world);
    world.pair.exhaust();
  },
  dreq_received: (world) => connected(world).client.disconnect({}, world.now),
  drep_received: disconnected,
  dreq_error: (world) => {
    connected(world).client.disconnect({}, world.now);
    world.pair.exhaust();
  },
  lap_received: (world) => connected(world).client.sendLap({ path: detour(world.pair) }, world.now),
  apr_received: (world) => {
    const { client, server } = connected(world);
    client.sendLap({ path: detour(world.pair) }, world.now);
    world.run();
    server.sendApr({}, world.now);
  },
  lap_error: (world) => {
    connected(world).client.sendLap({ path: detour(world.pair) }, world.now);
    world.pair.exhaust();
  },
  timewait_exit: (world) => {
    disconnected(world);
    world.run();
    while (world.pair.advance());
  },
};
const NAMES = Object.keys(EVENTS) as EventType[];

const MANUAL = { automatic: false };

function replied(world: World): { client: QueuePair; server: QueuePair } {
  const [client, server] = [world.client.create('client', MANUAL), world.server.create('server', MANUAL)];
  server.accept(world.requested(client), { startingPsn: 7 }, world.now);
  return { client, server };
}

function confirmed({ client, server }: ReturnType<typeof replied>, world: World): ReturnType<typeof replied> {
  world.run();
  client.sendRtu({}, world.now);
  return { client, server };
}

function connected(world: World): ReturnType<typeof replied> {
  const pairs = confirmed(replied(world), world);
  world.run();
  return pairs;
}

/** The server has answered; nothing has come back. */
function disconnected(world: World): void {
  const { client, server } = connected(world);
  client.disconnect({}, world.now);
  world.run();
  server.sendDrep({}, world.now);
}

/** Every call that a consumer of queue pairs can make. */
const CALLS: Readonly<Record<string, (queuePair: QueuePair, end: End, world: World) => void>> = {
  connect: (queuePair, _, world) => queuePair.connect(world.request(), world.now),
  sendRep: (queuePair, _, world) => queuePair.sendRep({ startingPsn: 8 }, world.now),
  sendRtu: (queuePair, _, world) => queuePair.sendRtu({}, world.now),
  established: (queuePair, _, world) => queuePair.established(world.now),
  sendMra: (queuePair, _, world) => queuePair.sendMra({}, world.now),
  sendRej: (queuePair, _, world) => queuePair.sendRej({ reason: REJECT_REASONS.consumerReject }, world.now),
  disconnect: (queuePair, _, world) => queuePair.disconnect({}, world.now),
  sendDrep: (queuePair, _, world) => queuePair.sendDrep({}, world.now),
  sendLap: (queuePair, _, world) => queuePair.sendLap({ path: detour(world.pair) }, world.now),
  sendApr: (queuePair, _, world) => queuePair.sendApr({}, world.now),
  migrate: (queuePair, _, world) => queuePair.migrate(world.now),
  abort: (queuePair, _, world) => queuePair.abort(world.now),
  destroy: (queuePair, end, world) => end.destroy(queuePair, world.now),
  query: (queuePair) => void queuePair.query(),
  'create another': (_, end) => void end.create('another'),
  'connect another': (_, end, world) => end.create('another').connect(world.request(), world.now),
  'fetch a request': (_, end) => void end.tryFetch(),
  'close the interface': (_, end, world) => end.cm.close(world.now),
};

/** What must succeed, beside what always does; all else is refused. */
const ALWAYS = [
  'abort',
  'close the interface',
  'connect another',
  'create another',
  'destroy',
  'fetch a request',
  'query',
];
const ALLOWED: Readonly<Partial<Record<EventType, readonly string[]>>> = {
  req_received: ['sendRep', 'sendMra', 'sendRej'],
  rep_received: ['sendRtu', 'sendMra', 'sendRej'],
  rtu_received: ['disconnect'],
  mra_received: [],
  rej_received: ['connect'],
  req_error: ['connect'],
  rep_error: ['connect'],
  dreq_received: ['sendDrep'],
  drep_received: [],
  dreq_error: ['connect'],
  lap_received: ['sendMra', 'disconnect', 'sendApr'],
  apr_received: ['disconnect', 'sendLap', 'migrate'],
  lap_error: ['disconnect', 'sendLap'],
  timewait_exit: ['connect'],
};

interface Outcome {
  readonly code: string;
  readonly told: readonly string[];
  readonly leftovers: readonly string[];
}

/** Makes a call when an event is told: in the callback, or as soon as nobody is told anything any more. */
function outcomeOf(type: EventType, name: string, when: 'in the callback' | 'after it'): Outcome {
  const world = new World();
  let code = 'the event did not come';
  const call = (queuePair: QueuePair, end: End): void => {
    code = 'success';
    try {
      CALLS[name]?.(queuePair, end, world);
    } catch (error) {
      if (!(error instanceof IbcmError) || error instanceof AssertionError) throw error;
      ({ code } = error);
    }
  };
  const later: (() => void)[] = [];
  let isDone = false;
  for (const end of world.ends) {
    end.onEvent = (queuePair, told) => {
      if (told.type !== type || isDone) return;
      isDone = true;
      if (when === 'in the callback') call(queuePair, end);
      else later.push(() => call(queuePair, end));
    };
  }
  EVENTS[type]?.(world);
  world.pair.deliverAll();
  // One side after the other, so that what was put off comes before anything else.
  for (const { cm } of world.ends) {
    cm.poll(world.now);
    for (const each of later.splice(0)) each();
  }
  world.run();
  const told = world.ends.flatMap((end) => end.told.map((each) => `${each.name}: ${each.type}`));
  return { code, told, leftovers: world.leftovers() };
}

describe.each(NAMES)('R14: in the callback of %s', (type) => {
  test('every call has the outcome that it has after it, and nothing is left', () => {
    for (const name of Object.keys(CALLS)) {
      const outcome = outcomeOf(type, name, 'in the callback');
      expect([name, outcome]).toEqual([name, outcomeOf(type, name, 'after it')]);
      expect([name, outcome.leftovers]).toEqual([name, []]);
    }
  });

  test('these calls are allowed, and the others refused with an error that has a type', () => {
    const allowed = Object.keys(CALLS).filter((name) => outcomeOf(type, name, 'in the callback').code === 'success');
    expect(allowed.sort()).toEqual([...(ALLOWED[type] ?? []), ...ALWAYS].sort());
  });

  test('R11: its queue pair can be destroyed, which is told once, by the same poll', () => {
    const world = new World();
    let destroyed: QueuePair | undefined;
    for (const end of world.ends) {
      end.onEvent = (queuePair, told) => {
        if (told.type !== type || destroyed !== undefined) return;
        destroyed = queuePair;
        end.destroy(queuePair, world.now);
        expect(end.gone).toEqual([]);
      };
    }
    EVENTS[type]?.(world);
    world.pair.deliverAll();
    for (const { cm } of world.ends) cm.poll(world.now);
    expect(destroyed?.destroyed).toBe(true);
    expect(world.ends.flatMap(({ gone }) => gone)).toEqual([destroyed?.context]);
    expect(world.leftovers()).toEqual([]);
  });

  test('R16: polling fails with WOULD_DEADLOCK, and what there is to tell is told afterwards', () => {
    const world = new World();
    let code: string | undefined;
    for (const end of world.ends) {
      end.onEvent = (_, told) => {
        if (told.type !== type) return;
        try {
          end.cm.poll(world.now);
          code ??= 'success';
        } catch (error) {
          code ??= error instanceof IbcmError ? error.code : String(error);
        }
      };
    }
    EVENTS[type]?.(world);
    world.run();
    expect(code).toBe('WOULD_DEADLOCK');
    expect(world.leftovers()).toEqual([]);
  });
});

describe('R14: in the callback of a request', () => {
  test.each([
    [
      'accepted',
      (world: World, end: End) => end.create('server').accept(end.fetch(), { startingPsn: 7 }, world.now),
      'rep_received',
    ],
    ['rejected', (world: World, end: End) => end.fetch().reject({}, world.now), 'rej_received'],
    ['delayed', (world: World, end: End) => end.fetch().delay({}, world.now), 'mra_received'],
    ['left alone, and the interface closed', (world: World, end: End) => end.cm.close(world.now), 'rej_received'],
  ] as const)('it can be %s', (_, act, told) => {
    const world = new World();
    world.server.onRequest = () => {
      world.server.onRequest = undefined;
      act(world, world.server);
    };
    world.client.create('client').connect(world.request(), world.now);
    world.run();
    expect(world.client.types()).toContain(told);
    expect(world.leftovers()).toEqual([]);
  });
});
