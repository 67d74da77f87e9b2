import type { Instant } from '../../base/index.js';
import type { ConnectedQueuePair, ConnectedQueuePairOptions } from '../../qp/index.js';
import { failureOf } from '../failure.js';
import { given, parametersOf } from '../given.js';
import type { Nothing, QpCreate, ReqParameters } from '../messages.js';
import { abandoned } from './abandoned.js';
import { type Call, type CallContext, type CallName, type Calls, on, opening } from './call.js';
import * as describe from './describe.js';
import type { Hold } from './limits.js';

const DONE = {};

/** A call on a queue pair that says nothing. What it causes is sent and told when the client has the answer. */
function command<Request extends { readonly handle: number }>(
  run: (queuePair: ConnectedQueuePair, request: Request, now: Instant, context: CallContext) => void,
): Call<Request, Nothing> {
  return on('queue pair', ({ queuePair }, request: Request, context) => {
    context.afterwards(() => context.interface.wake());
    run(queuePair, request, context.interface.now, context);
    return DONE;
  });
}

/** Connected queue pairs, call by call. */
export const QUEUE_PAIR_CALLS = {
  qpCreate: opening((request, context) => {
    const hold = context.account.take({ ceps: 1 });
    try {
      return ownQueuePair(request, context, hold);
    } catch (error) {
      hold.release();
      throw error;
    }
  }),

  qpDestroy: on('queue pair', ({ gone }, { handle, wait }, { owned, signal }) => {
    owned.end(handle);
    return wait ? abandoned(gone, signal).then(() => DONE) : DONE;
  }),

  qpQuery: on('queue pair', ({ queuePair }) => {
    const { state, ...attributes } = queuePair.query();
    return { state, connectionState: queuePair.connectionState, attributes: describe.queuePairAttributes(attributes) };
  }),

  qpGetRequest: on('ID', ({ id }, _, { owned, account, tell, interface: it }) => {
    const hold = account.take({ ceps: 1 });
    let handle = 0;
    const request = it.queuePairs.getRequest(id, (event) => {
      owned.forget(handle);
      tell(handle, 'withdrawn', describe.cmEvent(event));
    });
    if (request === undefined) {
      hold.release();
      return {};
    }
    const end = (): void => {
      request.destroy(it.now);
      it.wake();
    };
    const { local, remote } = request.commIds;
    handle = owned.add('queue pair request', request, end, hold);
    const event = describe.cmEvent(request.event);
    return { request: { handle, event, localCommId: local, remoteCommId: remote } };
  }),

  qpRejectRequest: on(
    'queue pair request',
    (request, { handle, ...parameters }, { owned, afterwards, interface: it }) => {
      afterwards(() => it.wake());
      request.reject(given(parameters), it.now);
      owned.forget(handle);
      return DONE;
    },
  ),

  qpDelayRequest: on('queue pair request', (request, { handle: _, ...parameters }, { afterwards, interface: it }) => {
    afterwards(() => it.wake());
    request.delay(given(parameters), it.now);
    return DONE;
  }),

  qpConnect: command((queuePair, { parameters }, now) => {
    const { qpn: _, transport: __, ...rest }: ReqParameters = parameters;
    queuePair.connect(parametersOf(rest), now);
  }),

  qpAccept: command((queuePair, { request: handle, parameters }, now, { owned }) => {
    const request = owned.get(handle, 'queue pair request');
    const { qpn: _, ...rest } = parameters;
    try {
      queuePair.accept(request, parametersOf(rest), now);
    } finally {
      if (request.over) owned.forget(handle);
    }
  }),

  qpSendRep: command((queuePair, { parameters: { qpn: _, ...rest } }, now) =>
    queuePair.sendRep(parametersOf(rest), now),
  ),
  qpSendRtu: command((queuePair, { handle: _, ...parameters }, now) => queuePair.sendRtu(given(parameters), now)),
  qpEstablished: command((queuePair, _, now) => queuePair.established(now)),
  qpSendRej: command((queuePair, { handle: _, ...parameters }, now) => queuePair.sendRej(given(parameters), now)),
  qpSendMra: command((queuePair, { handle: _, ...parameters }, now) => queuePair.sendMra(given(parameters), now)),
  qpDisconnect: command((queuePair, { handle: _, ...parameters }, now) =>
    queuePair.disconnect(parametersOf(parameters), now),
  ),
  qpSendDrep: command((queuePair, { handle: _, ...parameters }, now) => queuePair.sendDrep(given(parameters), now)),
  qpAbort: command((queuePair, _, now) => queuePair.abort(now)),
  qpSendLap: command((queuePair, { handle: _, ...parameters }, now) =>
    queuePair.sendLap(parametersOf(parameters), now),
  ),
  qpSendApr: command((queuePair, { handle: _, ...parameters }, now) => queuePair.sendApr(given(parameters), now)),
  qpMigrate: command((queuePair, _, now) => queuePair.migrate(now)),
} as const satisfies Calls<Extract<CallName, `qp${string}`>>;

/** Makes a queue pair that is the client's, and tells the client what happens to it. */
function ownQueuePair(
  { transport, qpn, ...rest }: QpCreate,
  { owned, tell, interface: it }: CallContext,
  hold: Hold,
): { readonly handle: number; readonly qpn: number } {
  let handle = 0;
  let onGone = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    onGone = resolve;
  });
  const options: ConnectedQueuePairOptions<undefined> = {
    ...given(rest),
    transport: transport as 'rc' | 'uc',
    context: undefined,
    callback: ({ state }, event, failure) =>
      tell(handle, 'qp', { event: describe.cmEvent(event), failure: failure && failureOf(failure), state }),
  };
  const queuePair = qpn === undefined ? it.queuePairs.create(options) : it.queuePairs.createForeign(qpn, options);
  const destroy = (): void => {
    if (queuePair.destroyed) return;
    queuePair.destroy(it.now, () => {
      tell(handle, 'gone', {});
      onGone();
    });
    it.wake();
  };
  handle = owned.add('queue pair', { queuePair, gone }, destroy, hold);
  return { handle, qpn: queuePair.qpn };
}
