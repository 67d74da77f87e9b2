import { describe, expect, test } from 'vitest';
import { CidSlot, STATE_TABLE, STATES } from '../../src/cep/index.js';
import { type CmId, CmInterface } from '../../src/cm/index.js';
import { CALL_NAMES, CALLS, type Call, type CallName } from './calls.js';
import { CmPair, NOTHING_LEFT } from './cm-pair.js';
import { OUT_OF_REACH, type Situation, situation, stateOf, WAY_NAMES } from './states.js';

/** Clients that get it wrong: every call in every state, with every kind of ID that is none. */

const code = (name: string): object => expect.objectContaining({ code: name }) as object;

/** What only tells, in any state. */
const QUERIES = ['state', 'commIds'] as const;

/** Calls that are valid whatever the state. */
const ALWAYS: readonly CallName[] = ['destroyId', 'bind'];

/** Said by hand, from the specification, for the states that matter most; the table says it for all. */
const VALID: Readonly<Record<string, readonly CallName[]>> = {
  IDLE: ['listen', 'sendReq', 'sendSidrReq'],
  LISTEN: ['cancelListen', 'getRequest', 'getRequestEx'],
  REQ_SENT: ['getQpAttr'],
  REQ_RCVD: ['formatRep', 'sendRep', 'sendRej', 'sendMra', 'getQpAttr'],
  REP_PREPARED: ['sendFormattedRep', 'sendRej', 'getQpAttr'],
  REP_SENT: ['sendRej', 'established', 'getQpAttr'],
  REP_RCVD: ['sendRtu', 'sendRej', 'sendMra', 'getQpAttr'],
  'ESTABLISHED, active': ['sendDreq', 'sendLap', 'getQpAttr'],
  'ESTABLISHED, passive': ['sendDreq', 'getQpAttr'],
  'ESTABLISHED, active, with an alternate path': ['sendDreq', 'sendLap', 'migrate', 'getQpAttr'],
  LAP_RCVD: ['sendMra', 'sendApr', 'sendDreq', 'getQpAttr'],
  DREQ_SENT: [],
  DREQ_RCVD: ['sendDrep'],
  TIMEWAIT: [],
  SIDR_REQ_SENT: [],
  SIDR_REQ_RCVD: ['sendSidrRep'],
};

function isValid(way: string, name: CallName): boolean {
  const said = VALID[way];
  if (said !== undefined) return ALWAYS.includes(name) || said.includes(name);
  const { command } = CALLS[name] as Call;
  if (command === undefined || command === 'getRequest') return ALWAYS.includes(name);
  return STATE_TABLE[stateOf(way)][command].kind === 'handle';
}

/** Everything that a call could have changed, on both sides. */
function picture({ pair, side, id, peer }: Situation): unknown {
  const other = side === pair.client ? pair.server : pair.client;
  return {
    states: [side.cm.state(id), peer === undefined ? undefined : other.cm.state(peer)],
    usage: pair.sides.map((each) => each.side.manager.usage()),
    sizes: pair.sides.map(({ cm }) => cm.size),
    sent: pair.sides.map((each) => ({ ...each.side.manager.counters.sent })),
    context: id.context,
    timeouts: pair.sides.map((each) => each.side.manager.nextTimeout()),
  };
}

function expectNothingTold({ pair }: Situation): void {
  expect(pair.pair.onWire()).toEqual([]);
  for (const { cm, told, gone } of pair.sides) {
    expect(cm.poll(pair.now)).toBe(false);
    expect([told, gone]).toEqual([[], []]);
  }
}

test('every state that the interface can lead to is put to the test, and every call', () => {
  const reached = new Set(WAY_NAMES.map((name) => situation(name)).map(({ side, id }) => side.cm.state(id)));
  expect([...reached].sort()).toEqual(STATES.filter((state) => !OUT_OF_REACH.includes(state)).sort());
  for (const name of WAY_NAMES) {
    const { side, id } = situation(name);
    expect(side.cm.state(id)).toBe(stateOf(name));
  }
  const methods = Object.entries(Object.getOwnPropertyDescriptors(CmInterface.prototype))
    .filter(([, { value }]) => typeof value === 'function')
    .map(([name]) => name);
  const others = ['constructor', 'createId', 'destroySlot', 'poll', 'close', ...QUERIES];
  expect([...CALL_NAMES, ...others].sort()).toEqual(methods.sort());
});

describe.each(WAY_NAMES)('in %s', (way) => {
  test.each(CALL_NAMES)('R19: %s works, or fails with INVALID_STATE and has changed nothing', (name) => {
    const made = situation(way);
    const { command, make } = CALLS[name] as Call;
    const before = picture(made);
    if (isValid(way, name)) {
      expect(() => make(made.side, made.id, made.pair)).not.toThrow();
    } else {
      const state = stateOf(way);
      expect(() => make(made.side, made.id, made.pair)).toThrow(
        expect.objectContaining({ name: 'CepError', code: 'INVALID_STATE', details: { call: command, state } }),
      );
      expect(picture(made)).toEqual(before);
      expectNothingTold(made);
    }
    expect(made.pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('R19: another interface on the same manager cannot do anything to it', () => {
    const made = situation(way);
    const { pair, side, id } = made;
    const other = new CmInterface(side.side.manager, side.ledger);
    const stranger = { ...side, cm: other } as typeof side;
    const before = picture(made);
    for (const name of CALL_NAMES) {
      expect(() => CALLS[name].make(stranger, id, pair), name).toThrow(code('INVALID_ID'));
    }
    for (const query of QUERIES) expect(() => other[query](id)).toThrow(code('INVALID_ID'));
    expect(picture(made)).toEqual(before);
    expectNothingTold(made);
    // Nor by closing, nor by the slot.
    const slot = new CidSlot();
    side.cm.bind(id, slot, {
      callback: side.callback,
      context: id.context,
      onDestroyed: (each) => side.gone.push(each),
    });
    for (const after of ['reusable', 'reserved'] as const)
      expect(() => other.destroySlot(slot, after, pair.now)).toThrow(code('INVALID_CID'));
    other.close(pair.now);
    expect([side.cm.state(id), slot.state]).toEqual([stateOf(way), 'bound']);
    expectNothingTold(made);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });
});

describe('R19: with what is no ID of the interface', () => {
  /** IDs that are none, each with a reason; there is an ID beside them that must not be touched. */
  const WRONG: Readonly<Record<string, (pair: CmPair) => unknown>> = {
    'a destroyed one': (pair) => {
      const id = pair.client.create('gone');
      pair.client.cm.destroyId(id, pair.now);
      pair.client.cm.poll(pair.now);
      pair.client.gone.length = 0;
      return id;
    },
    'one whose CEP was given to another': (pair) => {
      const id = pair.client.create('gone');
      pair.client.cm.destroyId(id, pair.now);
      pair.client.create('next');
      pair.client.cm.poll(pair.now);
      pair.client.gone.length = 0;
      return id;
    },
    'another interface’s': (pair) => pair.server.create('foreign'),
    'an invented object': () => ({ context: undefined, inCallback: false, destroyed: false, cid: 1 }),
    'an imitation': (pair) => {
      const id = pair.client.create('model');
      return Object.assign(Object.create(Object.getPrototypeOf(id) as object) as object, { cid: 1 });
    },
    'a number': () => 1,
    undefined: () => undefined,
    null: () => null,
  };

  describe.each(Object.entries(WRONG))('but %s,', (_, make) => {
    test.each([...CALL_NAMES, ...QUERIES])('%s fails with INVALID_ID, and nothing has changed', (name) => {
      const pair = new CmPair();
      const id = pair.client.create('innocent');
      const wrong = make(pair) as CmId;
      const made: Situation = { pair, side: pair.client, id, peer: undefined };
      const before = picture(made);
      const call = (): unknown =>
        name === 'state' || name === 'commIds'
          ? pair.client.cm[name](wrong)
          : CALLS[name].make(pair.client, wrong, pair);
      expect(call).toThrow(expect.objectContaining({ name: 'CmError', code: 'INVALID_ID' }));
      expect(picture(made)).toEqual(before);
      expectNothingTold(made);
      expect(pair.leftovers()).toEqual(NOTHING_LEFT);
    });
  });
});

/** What destroying says to the peer, said by hand; the states not named say nothing. */
const FAREWELL: Readonly<Record<string, 'REJ' | 'DREQ' | 'DREP' | 'SIDR_REP'>> = {
  REQ_SENT: 'REJ',
  REQ_MRA_RCVD: 'REJ',
  REQ_RCVD: 'REJ',
  REQ_MRA_SENT: 'REJ',
  REP_PREPARED: 'REJ',
  REP_PREPARED_MRA_SENT: 'REJ',
  REP_SENT: 'REJ',
  REP_MRA_RCVD: 'REJ',
  REP_RCVD: 'REJ',
  REP_MRA_SENT: 'REJ',
  ESTABLISHED: 'DREQ',
  LAP_SENT: 'DREQ',
  LAP_MRA_RCVD: 'DREQ',
  LAP_RCVD: 'DREQ',
  LAP_MRA_SENT: 'DREQ',
  DREQ_RCVD: 'DREP',
  SIDR_REQ_RCVD: 'SIDR_REP',
};
/** What the peer is told then. */
const TOLD = { REJ: 'rej_received', DREQ: 'dreq_received', DREP: 'drep_received', SIDR_REP: 'sidr_rep_received' };

describe.each(WAY_NAMES)('an ID in %s', (way) => {
  test('R11: can be destroyed: at once, told once and later, and only once', () => {
    const { pair, side, id } = situation(way);
    side.cm.destroyId(id, pair.now);
    expect(id.destroyed).toBe(true);
    expect([side.gone, side.told]).toEqual([[], []]);
    expect(() => side.cm.destroyId(id, pair.now)).toThrow(code('INVALID_ID'));
    side.cm.poll(pair.now);
    expect([side.gone, side.told]).toEqual([[id.context], []]);
    pair.run();
    while (pair.pair.advance()) pair.run();
    expect(side.gone).toEqual([id.context]);
    expect(side.told.filter((told) => told.id === id)).toEqual([]);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('R12: says goodbye to its peer as its state demands, and waits for nobody', () => {
    const { pair, side, id } = situation(way);
    const other = side === pair.client ? pair.server : pair.client;
    const farewell = FAREWELL[stateOf(way)];
    const { now } = pair;
    side.cm.destroyId(id, now);
    side.cm.poll(now);
    // Gone, though the peer has heard nothing yet and no time has passed.
    expect(side.gone).toEqual([id.context]);
    expect(pair.pair.onWire()).toEqual(farewell === undefined ? [] : [farewell]);
    pair.run();
    expect(other.types()).toEqual(farewell === undefined ? [] : [TOLD[farewell]]);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('R21: goes with its interface, promptly and completely', () => {
    const { pair, side, id } = situation(way);
    const farewell = FAREWELL[stateOf(way)];
    side.cm.close(pair.now);
    expect([id.destroyed, side.cm.size, side.gone]).toEqual([true, 0, []]);
    expect(pair.pair.onWire()).toEqual(farewell === undefined ? [] : [farewell]);
    side.cm.poll(pair.now);
    expect(side.gone).toContain(id.context);
    expect(side.gone).toHaveLength(new Set(side.gone).size);
    for (const name of CALL_NAMES) expect(() => CALLS[name].make(side, id, pair), name).toThrow(code('CLOSED'));
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });
});

test('R19: a closed interface refuses everything that is not harmless, with CLOSED', () => {
  const pair = new CmPair();
  const { cm } = pair.client;
  const id = pair.client.create();
  cm.close(pair.now);
  expect(() => pair.client.create()).toThrow(code('CLOSED'));
  expect(() => cm.state(id)).toThrow(code('CLOSED'));
  expect(() => cm.destroySlot(new CidSlot(), 'reserved', pair.now)).toThrow(code('CLOSED'));
  expect(() => cm.close(pair.now)).not.toThrow();
  expect(cm.poll(pair.now)).toBe(true);
  expect(cm.poll(pair.now)).toBe(false);
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});

test('R5: an ID that cannot be bound keeps its configuration, and the slot what it holds', () => {
  const pair = new CmPair();
  const { client } = pair;
  const [free, taken, reserved] = [new CidSlot(), new CidSlot(), new CidSlot()];
  const configuration = { callback: client.callback, context: 'new' };
  const bound = client.create('bound');
  client.cm.bind(bound, taken, { ...configuration, context: 'bound' });
  client.cm.destroySlot(reserved, 'reserved', pair.now);
  const id = client.create('old');
  for (const slot of [taken, reserved])
    expect(() => client.cm.bind(id, slot, configuration)).toThrow(code('SLOT_NOT_INVALID'));
  expect(() => client.cm.bind(bound, free, configuration)).toThrow(code('CEP_BOUND'));
  expect([id.context, bound.context]).toEqual(['old', 'bound']);
  expect([free.state, taken.state, reserved.state]).toEqual(['invalid', 'bound', 'reserved']);
  client.cm.destroyId(id, pair.now);
  client.cm.poll(pair.now);
  expect(client.gone).toEqual(['old']);
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});
