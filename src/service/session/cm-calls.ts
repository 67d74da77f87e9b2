import type { Instant } from '../../base/index.js';
import { CepError, CidSlot, type QpTarget } from '../../cep/index.js';
import type { CmConfiguration, CmEvent, CmId, CmInterface } from '../../cm/index.js';
import { parametersOf } from '../given.js';
import type { Nothing } from '../messages.js';
import { abandoned } from './abandoned.js';
import { type Call, type CallContext, type CallName, type Calls, on, opening } from './call.js';
import * as describe from './describe.js';
import { Listening } from './listen-table.js';
import type { OwnedId } from './owned-id.js';

const DONE = {};
const MASK_ALL = 0xffff_ffff_ffff_ffffn;

/** A call on an ID. What it causes is sent and told when the client has the answer. */
function onId<Request extends { readonly handle: number }, Result>(
  run: (cm: CmInterface, own: OwnedId, request: Request, now: Instant, context: CallContext) => Result,
): Call<Request, Result> {
  return on('ID', (own, request: Request, context) => {
    const { cm, now } = context.interface;
    context.afterwards(() => context.interface.wake());
    return run(cm, own, request, now, context);
  });
}

/** A call on an ID that says nothing. */
function command<Request extends { readonly handle: number }>(
  run: (cm: CmInterface, id: CmId, request: Request, now: Instant) => void,
): Call<Request, Nothing> {
  return onId((cm, { id }, request: Request, now) => {
    run(cm, id, request, now);
    return DONE;
  });
}

/** The CM-only interface, call by call. The manager checks what is in the messages, as it does in process. */
export const CM_CALLS = {
  cmCreateId: opening((_, context) => {
    const { handle, id } = ownId(context, ({ callback, onDestroyed }) =>
      context.interface.cm.createId(callback, undefined, onDestroyed),
    );
    return { handle, cid: id.cid };
  }),

  cmDestroyId: on('ID', ({ gone }, { handle, wait }, { owned, signal }) => {
    owned.end(handle);
    return wait ? abandoned(gone, signal).then(() => DONE) : DONE;
  }),

  cmCreateSlot: opening((_, { owned, account }) => {
    const hold = account.take({ ceps: 1 });
    return { handle: owned.add('slot', new CidSlot(), () => undefined, hold) };
  }),

  cmBind: on('ID', ({ id, configuration }, { slot }, { owned, interface: { cm } }) => {
    cm.bind(id, owned.get(slot, 'slot'), configuration);
    return DONE;
  }),

  cmDestroySlot: on('slot', (slot, { reserved }, { afterwards, interface: it }) => {
    afterwards(() => it.wake());
    it.cm.destroySlot(slot, reserved ? 'reserved' : 'reusable', it.now);
    return DONE;
  }),

  cmQuery: onId((cm, { id }) => {
    const { local, remote } = cm.commIds(id);
    return { state: cm.state(id), localCommId: local, remoteCommId: remote };
  }),

  cmListen: onId((cm, { id, listening }, { handle: _, ...parameters }, now, context) => {
    const serviceId = cm.listen(id, parametersOf(parameters), now);
    const { serviceMask = MASK_ALL, port = 0 } = parameters;
    // A wider mask goes before nobody who says all bits.
    if (serviceMask === MASK_ALL) {
      const hold = context.listens.add(context.owned, serviceId, port);
      if (hold === undefined) {
        cm.cancelListen(id, now);
        const text = `another client listens on service ID 0x${serviceId.toString(16)} already`;
        throw new CepError('LISTEN_CONFLICT', text, { serviceId });
      }
      listening.begin(hold);
    }
    return { serviceId };
  }),

  cmCancelListen: onId((cm, { id, listening }, _, now) => {
    cm.cancelListen(id, now);
    listening.release();
    return DONE;
  }),

  cmGetRequest: on('ID', ({ id: listener }, _, context) => {
    const { cm } = context.interface;
    let event: CmEvent | undefined;
    // An ID that cannot be owned is not fetched.
    const fetched = ownIdIfAny(context, ({ callback, onDestroyed }) => {
      const request = cm.getRequestEx(listener, callback, undefined, onDestroyed);
      event = request?.event;
      return request?.id;
    });
    return { request: fetched && event && { handle: fetched.handle, event: describe.cmEvent(event) } };
  }),

  cmSendReq: command((cm, id, { parameters }, now) => cm.sendReq(id, parametersOf(parameters), now)),
  cmFormatRep: command((cm, id, { parameters }, now) => cm.formatRep(id, parametersOf(parameters), now)),
  cmSendFormattedRep: command((cm, id, _, now) => cm.sendFormattedRep(id, now)),
  cmSendRep: command((cm, id, { parameters }, now) => cm.sendRep(id, parametersOf(parameters), now)),
  cmSendRtu: command((cm, id, { handle: _, ...parameters }, now) => cm.sendRtu(id, parametersOf(parameters), now)),
  cmEstablished: command((cm, id, _, now) => cm.established(id, now)),
  cmSendRej: command((cm, id, { handle: _, ...parameters }, now) => cm.sendRej(id, parametersOf(parameters), now)),
  cmSendMra: command((cm, id, { handle: _, ...parameters }, now) => cm.sendMra(id, parametersOf(parameters), now)),
  cmSendDreq: command((cm, id, { handle: _, ...parameters }, now) => cm.sendDreq(id, parametersOf(parameters), now)),
  cmSendDrep: command((cm, id, { handle: _, ...parameters }, now) => cm.sendDrep(id, parametersOf(parameters), now)),
  cmSendLap: command((cm, id, { handle: _, ...parameters }, now) => cm.sendLap(id, parametersOf(parameters), now)),
  cmSendApr: command((cm, id, { handle: _, ...parameters }, now) => cm.sendApr(id, parametersOf(parameters), now)),
  cmMigrate: command((cm, id, _, now) => cm.migrate(id, now)),
  cmGetQpAttr: onId((cm, { id }, { target }, now) => {
    const { state: _, ...attributes } = cm.getQpAttr(id, target as QpTarget, now);
    return describe.queuePairAttributes(parametersOf(attributes));
  }),
  cmSendSidrReq: command((cm, id, { handle: _, ...parameters }, now) =>
    cm.sendSidrReq(id, parametersOf(parameters), now),
  ),
  cmSendSidrRep: command((cm, id, { handle: _, ...parameters }, now) =>
    cm.sendSidrRep(id, parametersOf(parameters), now),
  ),
} as const satisfies Calls<Extract<CallName, `cm${string}`>>;

interface Made {
  readonly handle: number;
  readonly id: CmId;
}

/** Makes an ID that is the client's, and tells the client what happens to it. */
function ownId(context: CallContext, make: (configuration: CmConfiguration<undefined>) => CmId): Made {
  return ownIdIfAny(context, make) as Made;
}

/** The same, if there is one to be had. */
function ownIdIfAny(
  context: CallContext,
  make: (configuration: CmConfiguration<undefined>) => CmId | undefined,
): Made | undefined {
  const { account, owned, tell, interface: it } = context;
  const hold = account.take({ ceps: 1 });
  let handle = 0;
  let onGone = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    onGone = resolve;
  });
  const configuration: CmConfiguration<undefined> = {
    context: undefined,
    callback: (_, event) => tell(handle, 'cm', describe.cmEvent(event)),
    onDestroyed: () => {
      // Whoever has destroyed it: the client, or the end of the slot that it was bound to.
      owned.forget(handle);
      tell(handle, 'gone', {});
      onGone();
    },
  };
  let id: CmId | undefined;
  try {
    id = make(configuration);
  } finally {
    if (id === undefined) hold.release();
  }
  if (id === undefined) return undefined;
  const end = (made: CmId): void => {
    if (!made.destroyed) it.cm.destroyId(made, it.now);
    it.wake();
  };
  const made = id;
  const listening = new Listening();
  handle = owned.add('ID', { id: made, configuration, listening, gone }, () => end(made), hold, listening);
  return { handle, id: made };
}
