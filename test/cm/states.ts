import type { State } from '../../src/cep/index.js';
import type { CmId } from '../../src/cm/index.js';
import { detour } from '../cep/pair.js';
import { CmPair, type CmSide } from './cm-pair.js';
import { lookUp } from './scenarios.js';

/** An ID in a state, and its peer's, if it has one. Nothing is on its way, and everything has been told. */
export interface Situation {
  readonly pair: CmPair;
  readonly side: CmSide;
  readonly id: CmId;
  readonly peer: CmId | undefined;
}

interface Ends {
  readonly pair: CmPair;
  readonly client: CmId;
  readonly server: CmId;
}

function requested(): Ends {
  const pair = new CmPair();
  return { pair, ...pair.requested(pair.listen()) };
}

function replied(): Ends {
  const ends = requested();
  ends.pair.server.cm.sendRep(ends.server, { qpn: 0x200, startingPsn: 5 }, ends.pair.now);
  ends.pair.run();
  return ends;
}

function established(): Ends {
  const pair = new CmPair();
  return { pair, ...pair.established(pair.listen()) };
}

/** The client has proposed an alternate path. */
function proposed(): Ends {
  const ends = established();
  ends.pair.client.cm.sendLap(ends.client, { path: detour(ends.pair.pair) }, ends.pair.now);
  ends.pair.run();
  return ends;
}

function disconnecting(): Ends {
  const ends = established();
  ends.pair.client.cm.sendDreq(ends.client, {}, ends.pair.now);
  ends.pair.run();
  return ends;
}

/** One end has sent an MRA, and the other has been told. */
function delayed(ends: Ends, by: 'client' | 'server'): Ends {
  const { pair } = ends;
  pair[by].cm.sendMra(ends[by], {}, pair.now);
  pair.run();
  return ends;
}

const active = ({ pair, client, server }: Ends): Situation => ({ pair, side: pair.client, id: client, peer: server });
const passive = ({ pair, client, server }: Ends): Situation => ({ pair, side: pair.server, id: server, peer: client });

function resolving(): Ends {
  const pair = new CmPair();
  const listener = pair.listen();
  const client = lookUp(pair);
  pair.run();
  const request = pair.server.cm.getRequestEx(listener, pair.server.callback, 'server', (each) =>
    pair.server.gone.push(each),
  );
  if (request === undefined) throw new Error('no question');
  return { pair, client, server: request.id };
}

/** The states that no call of the CM-only interface leads to: it prepares REPs only. */
export const OUT_OF_REACH: readonly State[] = ['REQ_PREPARED', 'APR_PREPARED', 'APR_PREPARED_MRA_SENT'];

/** A way into each of the other states. The first word is the state. */
const WAYS: Readonly<Record<string, () => Situation>> = {
  IDLE: () => {
    const pair = new CmPair();
    return { pair, side: pair.client, id: pair.client.create('client'), peer: undefined };
  },
  LISTEN: () => {
    const pair = new CmPair();
    return { pair, side: pair.server, id: pair.listen(), peer: undefined };
  },
  REQ_SENT: () => active(requested()),
  REQ_MRA_RCVD: () => active(delayed(requested(), 'server')),
  REQ_RCVD: () => passive(requested()),
  REQ_MRA_SENT: () => passive(delayed(requested(), 'server')),
  REP_PREPARED: () => {
    const ends = requested();
    ends.pair.server.cm.formatRep(ends.server, { qpn: 0x200, startingPsn: 5 }, ends.pair.now);
    return passive(ends);
  },
  REP_PREPARED_MRA_SENT: () => {
    const ends = delayed(requested(), 'server');
    ends.pair.server.cm.formatRep(ends.server, { qpn: 0x200, startingPsn: 5 }, ends.pair.now);
    return passive(ends);
  },
  REP_SENT: () => passive(replied()),
  REP_MRA_RCVD: () => passive(delayed(replied(), 'client')),
  REP_RCVD: () => active(replied()),
  REP_MRA_SENT: () => active(delayed(replied(), 'client')),
  'ESTABLISHED, active': () => active(established()),
  'ESTABLISHED, passive': () => passive(established()),
  'ESTABLISHED, active, with an alternate path': () => {
    const ends = proposed();
    ends.pair.server.cm.sendApr(ends.server, {}, ends.pair.now);
    ends.pair.run();
    return active(ends);
  },
  LAP_SENT: () => active(proposed()),
  LAP_MRA_RCVD: () => active(delayed(proposed(), 'server')),
  LAP_RCVD: () => passive(proposed()),
  LAP_MRA_SENT: () => passive(delayed(proposed(), 'server')),
  DREQ_SENT: () => active(disconnecting()),
  DREQ_RCVD: () => passive(disconnecting()),
  TIMEWAIT: () => {
    const ends = disconnecting();
    ends.pair.server.cm.sendDrep(ends.server, {}, ends.pair.now);
    ends.pair.run();
    return active(ends);
  },
  SIDR_REQ_SENT: () => active(resolving()),
  SIDR_REQ_RCVD: () => passive(resolving()),
};

export const WAY_NAMES: readonly string[] = Object.keys(WAYS);

/** Brings an ID into a state. What was told on the way is forgotten. */
export function situation(name: string): Situation {
  const made = (WAYS[name] as () => Situation)();
  for (const { told } of made.pair.sides) told.length = 0;
  return made;
}

/** The state that a way leads to. */
export const stateOf = (name: string): State => name.split(',')[0] as State;
