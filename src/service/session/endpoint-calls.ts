import type { Cid } from '../../base/index.js';
import {
  type AcceptOptions,
  type Connection,
  type ConnectionRequest,
  type ConnectOptions,
  EndpointError,
  type LookupRequest,
  type RequestListener,
  type TransferOptions,
} from '../../endpoint/index.js';
import { type PortSpace, serviceIdOfPort } from '../../wire/index.js';
import { given } from '../given.js';
import type * as wire from '../messages.js';
import { type CallContext, type Calls, holding, on, opening } from './call.js';
import * as describe from './describe.js';
import type { Hold } from './limits.js';
import { OwnedConnection } from './owned-connection.js';

const DONE = {};
/** Of a host (RFC 1035 2.3.4). */
const NAME_CHARACTERS_MAX = 253;
/** As in process: see `TransferOptions`. */
const DEFAULT_RECEIVES = 8;
const DEFAULT_RECEIVE_BYTES = 4_096;
/** What a receive buffer costs at least: there is more to it than its bytes. */
const BUFFER_BYTES_MIN = 256;

/** Connecting, listening, looking up. What is left out of a message has the default that it has in process. */
export const ENDPOINT_CALLS = {
  connect: opening((request, context) =>
    holding(context.account, { ceps: 1, memoryBytes: receiveBytes(request) }, async (hold) => {
      checkHost(request.host);
      const connection = await attempting(context, (more) =>
        context.adapter.connect({ ...given(request), ...more } as ConnectOptions),
      );
      return ownConnection(connection, context, hold);
    }),
  ),

  listen: opening((request, context) =>
    listening(context, 'tcp', request, async (...holds) => {
      const listener = await context.adapter.listen(given(request));
      const handle = context.owned.add('listener', listener, () => listener.close(), ...holds);
      return { handle, addresses: listener.addresses };
    }),
  ),

  nextRequest: on('listener', (listener, _, { account, owned, signal }) =>
    holding(account, { ceps: 1 }, async (hold) => {
      const request = await nextOf(listener, signal);
      if (request === undefined) {
        hold.release();
        return {};
      }
      return {
        request: describe.request(
          owned.add('request', request, () => refuse(request), hold),
          request,
        ),
      };
    }),
  ),

  accept: on('request', (request, { handle, ...options }, context) =>
    holding(context.account, { memoryBytes: receiveBytes(options) }, async (hold) => {
      const { owned, signal } = context;
      const wasPending = request.isPending;
      const accepting = request.accept({ ...given(options), signal } as AcceptOptions);
      // Whatever else is done with the request meanwhile, it is this call that it costs from now on.
      const holds = request.isPending === wasPending ? [] : owned.take(handle);
      try {
        return ownConnection(await accepting, context, hold, ...holds);
      } catch (error) {
        for (const each of holds) each.release();
        throw error;
      } finally {
        if (!request.isPending) owned.forget(handle);
      }
    }),
  ),

  reject: on('request', (request, { handle, ...options }, { owned }) => {
    try {
      request.reject(given(options));
    } finally {
      if (!request.isPending) owned.forget(handle);
    }
    return DONE;
  }),

  queryRequest: on('request', ({ isPending }) => ({ isPending })),

  disconnect: on('connection', async ({ connection }, { handle: _, ...options }, { signal }) => ({
    cause: await connection.disconnect({ ...given(options), signal }),
  })),

  queryConnection: on('connection', ({ status }) => status),

  lookup: opening((request, context) =>
    holding(context.account, { ceps: 1 }, async (hold) => {
      checkHost(request.host);
      const service = await attempting(context, (more) => context.adapter.lookup({ ...given(request), ...more }));
      hold.release();
      return service;
    }),
  ),

  listenDatagram: opening((request, context) =>
    listening(context, 'udp', request, async (...holds) => {
      const listener = await context.adapter.listenDatagram(given(request));
      const handle = context.owned.add('datagram listener', listener, () => listener.close(), ...holds);
      return { handle, addresses: listener.addresses };
    }),
  ),

  nextLookup: on('datagram listener', (listener, _, { account, owned, signal }) =>
    holding(account, { ceps: 1 }, async (hold) => {
      const request = await nextOf(listener, signal);
      if (request === undefined) {
        hold.release();
        return {};
      }
      return {
        request: describe.lookupRequest(
          owned.add('look-up', request, () => refuse(request), hold),
          request,
        ),
      };
    }),
  ),

  acceptLookup: on('look-up', (request, { handle, ...options }, { owned }) => {
    const told = request.accept(given(options));
    owned.forget(handle);
    return told;
  }),

  rejectLookup: on('look-up', (request, { handle, ...options }, { owned }) => {
    request.reject(given(options));
    owned.forget(handle);
    return DONE;
  }),

  close: {
    opens: false,
    run: ({ handle }, { owned }) => {
      owned.end(handle);
      return DONE;
    },
  },
} as const satisfies Calls<
  | 'connect'
  | 'listen'
  | 'nextRequest'
  | 'accept'
  | 'reject'
  | 'queryRequest'
  | 'disconnect'
  | 'queryConnection'
  | 'lookup'
  | 'listenDatagram'
  | 'nextLookup'
  | 'acceptLookup'
  | 'rejectLookup'
  | 'close'
>;

/** Listens on a port on which no other client does. @throws EndpointError `PORT_IN_USE` */
function listening<T>(
  { adapter, account, owned, listens }: CallContext,
  portSpace: PortSpace,
  { port, address }: wire.Listen,
  listen: (...holds: readonly Hold[]) => Promise<T>,
): Promise<T> {
  return holding(account, { listens: 1 }, async (hold) => {
    const adapterPort = address === undefined ? 0 : adapter.addresses.indexOf(address) + 1;
    const place = listens.add(owned, serviceIdOfPort(portSpace, port), adapterPort);
    if (place === undefined) {
      throw new EndpointError('PORT_IN_USE', `another client listens on port ${port} already`, { port });
    }
    try {
      return await listen(hold, place);
    } catch (error) {
      place.release();
      throw error;
    }
  });
}

/** The time that the system takes to read a name, with all waiting, grows with the square of its length. @throws EndpointError `INVALID_ARGUMENT` */
function checkHost({ length }: string): void {
  if (length <= NAME_CHARACTERS_MAX) return;
  const text = `host has ${length} characters; a name has at most ${NAME_CHARACTERS_MAX}`;
  throw new EndpointError('INVALID_ARGUMENT', text, { name: 'host', length, maximum: NAME_CHARACTERS_MAX });
}

/** Asks a peer for a client, whose attempt it is until it is over. */
async function attempting<T>(
  { owned, signal }: CallContext,
  ask: (options: Required<Pick<ConnectOptions, 'signal' | 'onAttempt'>>) => Promise<T>,
): Promise<T> {
  let end: (() => void) | undefined;
  const onAttempt = (cid: Cid): void => {
    end = owned.begin(cid);
  };
  try {
    return await ask({ signal, onAttempt });
  } finally {
    end?.();
  }
}

/** Refuses a request that was not answered. Never throws: without a buffer for the answer, the peer has to ask again to hear it. */
function refuse(request: ConnectionRequest | LookupRequest): void {
  if (!request.isPending) return;
  try {
    request.reject();
  } catch {
    request.close();
  }
}

function ownConnection(connection: Connection, context: CallContext, ...holds: readonly Hold[]): wire.Connection {
  const { owned, tell, afterwards } = context;
  const own = new OwnedConnection(connection);
  const handle = owned.add('connection', own, () => own.end(), ...holds);
  afterwards(() => {
    own.watch({
      tell: (name, event) => tell(handle, name, event),
      release: () => owned.forget(handle),
    });
  });
  return describe.connection(handle, connection);
}

/** The next request of a listener, which stays in its queue if the waiting is ended. @throws the signal's reason. */
async function nextOf<Request extends { close(): void }>(
  listener: RequestListener<Request>,
  signal: AbortSignal,
): Promise<Request | undefined> {
  const iterator = listener[Symbol.asyncIterator]();
  const leave = (): void => void iterator.return?.();
  signal.addEventListener('abort', leave, { once: true });
  try {
    const { value } = await iterator.next();
    if (value === undefined) signal.throwIfAborted();
    return value;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** What the buffers for the peer's messages take. */
export function receiveBytes(
  options:
    | TransferOptions
    | {
        readonly receives?: number | undefined;
        readonly receiveBytes?: number | undefined;
        readonly qpn?: number | undefined;
      },
): number {
  if ('qpn' in options && options.qpn !== undefined) return 0;
  const { receives = DEFAULT_RECEIVES, receiveBytes: each = DEFAULT_RECEIVE_BYTES } = options;
  return receives * Math.max(each, BUFFER_BYTES_MIN);
}
