import type { EventType } from '../../src/cep/index.js';
import type { Play, Scenario, Step } from './orders.js';
import type { World } from './world.js';

/** What consumers do, to be tried in all orders. */

const step = (name: string, run: Step['run'], isPossible?: Step['isPossible']): Step => ({
  name,
  run,
  ...(isPossible && { isPossible }),
});

const hasRequest = ({ request }: Play): boolean => request?.over === false;
const acceptRequest = ({ request, server, now }: Play): void => {
  if (request) server.accept(request, { startingPsn: 7 }, now);
};

const connect = step('connect', ({ client, world }) => client.connect(world.request(), world.now));
const connectAgain = step(
  'connect again',
  ({ client, world }) => client.connect(world.request(), world.now),
  ({ done }) => done.has('connect'),
);
/** The server accepts what has come; tried again until something has. */
const accept = step(
  'accept',
  (play) => {
    play.request ??= play.world.server.tryFetch();
    if (play.request === undefined) play.done.delete('accept');
    else acceptRequest(play);
  },
  ({ done }) => done.has('connect'),
);
const fetch = step(
  'fetch',
  (play) => {
    play.request = play.world.server.tryFetch();
    if (play.request === undefined) play.done.delete('fetch');
  },
  ({ done }) => done.has('connect'),
);
const acceptFetched = step('accept', acceptRequest, ({ done }) => done.has('fetch'));
const reject = step('reject', ({ request, now }) => request?.reject({}, now), hasRequest);
const destroyServer = step('destroy server', ({ world, server }) => world.server.destroy(server, world.now));
const destroyClient = step('destroy client', ({ world, client }) => world.client.destroy(client, world.now));
const disconnectServer = step('disconnect server', ({ server, now }) => server.disconnect({}, now));
const disconnectClient = step('disconnect client', ({ client, now }) => client.disconnect({}, now));
const abortServer = step('abort server', ({ server, now }) => server.abort(now));
const abortClient = step('abort client', ({ client, now }) => client.abort(now));
const closeServer = step('close server', ({ world }) => world.server.cm.close(world.now));
const closeClient = step('close client', ({ world }) => world.client.cm.close(world.now));
const established = step('established', ({ server, now }) => server.established(now));

const peers = { peerToPeer: true };
const askServer = step('client asks', ({ client, world }) => client.connect(world.request(peers), world.now));
const askClient = step('server asks', ({ server, world }) => server.connect(world.opposite(peers), world.now));

function areConnected(play: Play): void {
  play.client.connect(play.world.request(), play.now);
  play.world.run();
  play.request = play.world.server.fetch();
  acceptRequest(play);
  play.world.run();
}

/** Both consumers destroy their queue pair when they are told of something. */
export function destroyingAt(type: EventType): Scenario {
  return {
    steps: [connect, fetch, acceptFetched, reject, disconnectClient],
    timeouts: 1,
    prepare: ({ world }: { world: World }) => {
      for (const end of world.ends) {
        end.onEvent = (queuePair, told) => {
          if (told.type === type) end.destroy(queuePair, world.now);
        };
      }
    },
  };
}

export const SCENARIOS = {
  'accepting, while either queue pair is destroyed': {
    steps: [connect, fetch, acceptFetched, destroyServer, destroyClient],
  },
  'accepting, while a message is lost and either queue pair is destroyed': {
    steps: [connect, accept, destroyServer, destroyClient],
    losses: 1,
  },
  'accepting, rejecting and data before the RTU': {
    steps: [connect, fetch, acceptFetched, reject, established, destroyServer],
  },
  'ending a connection from both sides': {
    prepare: areConnected,
    steps: [disconnectClient, disconnectServer, destroyClient, destroyServer],
  },
  'ending a connection from both sides, while a message is lost': {
    prepare: areConnected,
    steps: [disconnectClient, destroyClient, destroyServer],
    timeouts: 1,
    losses: 1,
  },
  'giving up and connecting again': {
    steps: [connect, accept, abortClient, connectAgain, destroyClient],
  },
  'giving up on both sides of a connection and connecting again': {
    prepare: (play) => {
      areConnected(play);
      play.done.add('connect');
    },
    steps: [abortClient, abortServer, connectAgain, destroyServer],
  },
  'being rejected and connecting again': {
    steps: [connect, fetch, reject, connectAgain, destroyClient],
  },
  'closing the interfaces': {
    steps: [connect, accept, closeServer, closeClient, destroyServer],
  },
  'asking each other': {
    steps: [askServer, askClient, destroyServer, destroyClient],
  },
} satisfies Readonly<Record<string, Scenario>>;
