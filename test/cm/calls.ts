import { CidSlot, type Command } from '../../src/cep/index.js';
import type { CmId } from '../../src/cm/index.js';
import { detour, SERVICE } from '../cep/pair.js';
import type { CmPair, CmSide } from './cm-pair.js';

/** A call with an ID and parameters that are right in themselves. */
export interface Call {
  /** What the CEP manager, and the errors, call it. Undefined where the interface does it alone. */
  readonly command: Command | 'getRequest' | undefined;
  readonly make: (side: CmSide, id: CmId, pair: CmPair) => unknown;
}

const OTHER_SERVICE = (SERVICE + 1n) as typeof SERVICE;
const ignore = (): void => {};

/** The calls that take an ID: all of the CM-only interface's 22 but `createId`, and `bind`. */
export const CALLS = {
  destroyId: { command: 'destroy', make: ({ cm }, id, { now }) => cm.destroyId(id, now) },
  bind: { command: undefined, make: ({ cm }, id) => cm.bind(id, new CidSlot(), { callback: ignore, context: 'new' }) },
  listen: {
    command: 'listen',
    make: ({ cm }, id, { now }) => cm.listen(id, { serviceId: OTHER_SERVICE, backlog: 1 }, now),
  },
  cancelListen: { command: 'cancelListen', make: ({ cm }, id, { now }) => cm.cancelListen(id, now) },
  getRequest: { command: 'getRequest', make: ({ cm }, id) => cm.getRequest(id) },
  getRequestEx: { command: 'getRequest', make: ({ cm }, id) => cm.getRequestEx(id, ignore, 'new') },
  sendReq: { command: 'sendReq', make: ({ cm }, id, pair) => cm.sendReq(id, pair.request({ qpn: 0x900 }), pair.now) },
  formatRep: {
    command: 'formatRep',
    make: ({ cm }, id, { now }) => cm.formatRep(id, { qpn: 0x901, startingPsn: 0 }, now),
  },
  sendFormattedRep: { command: 'sendFormatted', make: ({ cm }, id, { now }) => cm.sendFormattedRep(id, now) },
  sendRep: { command: 'sendRep', make: ({ cm }, id, { now }) => cm.sendRep(id, { qpn: 0x902, startingPsn: 0 }, now) },
  sendRtu: { command: 'sendRtu', make: ({ cm }, id, { now }) => cm.sendRtu(id, {}, now) },
  sendDreq: { command: 'sendDreq', make: ({ cm }, id, { now }) => cm.sendDreq(id, {}, now) },
  sendDrep: { command: 'sendDrep', make: ({ cm }, id, { now }) => cm.sendDrep(id, {}, now) },
  sendRej: { command: 'sendRej', make: ({ cm }, id, { now }) => cm.sendRej(id, { reason: 28 }, now) },
  sendMra: { command: 'sendMra', make: ({ cm }, id, { now }) => cm.sendMra(id, {}, now) },
  sendLap: { command: 'sendLap', make: ({ cm }, id, pair) => cm.sendLap(id, { path: detour(pair.pair) }, pair.now) },
  sendApr: { command: 'sendApr', make: ({ cm }, id, { now }) => cm.sendApr(id, {}, now) },
  sendSidrReq: {
    command: 'sendSidrReq',
    make: ({ cm }, id, pair) => cm.sendSidrReq(id, { path: pair.request().path, serviceId: SERVICE }, pair.now),
  },
  sendSidrRep: { command: 'sendSidrRep', make: ({ cm }, id, { now }) => cm.sendSidrRep(id, { qpn: 0x903 }, now) },
  getQpAttr: { command: 'getQpAttr', make: ({ cm }, id, { now }) => cm.getQpAttr(id, 'INIT', now) },
  migrate: { command: 'migrate', make: ({ cm }, id, { now }) => cm.migrate(id, now) },
  established: { command: 'established', make: ({ cm }, id, { now }) => cm.established(id, now) },
} as const satisfies Record<string, Call>;

export type CallName = keyof typeof CALLS;
export const CALL_NAMES = Object.keys(CALLS) as readonly CallName[];
