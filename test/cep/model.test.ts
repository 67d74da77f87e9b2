import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { AssertionError, IbcmError } from '../../src/base/index.js';
import { type CepOwner, type CmPath, STATES, type State, type TimingPolicy } from '../../src/cep/index.js';
import { detour, Pair, SERVICE, type Side } from './pair.js';

/** Consumers that call anything at any time, over a network that loses, repeats, delays and forges: what must hold in every moment. */

const LIMITS = { maxCeps: 6, maxMads: 20, maxTransmits: 10 };
/** States in which the CEP's own timer runs, and those in which a deadline may run besides. */
const WAITS: readonly State[] = [
  'REQ_SENT',
  'REQ_MRA_RCVD',
  'REP_SENT',
  'REP_MRA_RCVD',
  'LAP_SENT',
  'LAP_MRA_RCVD',
  'DREQ_SENT',
  'TIMEWAIT',
  'SIDR_REQ_SENT',
];
/** States in which our queue pair is in a connection, and the peer's is known. */
const CONNECTED: readonly State[] = STATES.filter((state) =>
  /^(REP_(SENT|MRA|RCVD)|ESTABLISHED|LAP|APR|DREQ)/.test(state),
);
/** States in which the one or the other may be. */
const ASKING: readonly State[] = ['REQ_PREPARED', 'REQ_SENT', 'REQ_MRA_RCVD'];
const ASKED: readonly State[] = ['REQ_RCVD', 'REQ_MRA_SENT'];
const ANSWERING: readonly State[] = ['REP_PREPARED', 'REP_PREPARED_MRA_SENT'];

const CALLS = [
  'create',
  'listen',
  'cancelListen',
  'sendReq',
  'sendRep',
  'sendRtu',
  'sendRej',
  'sendMra',
  'sendDreq',
  'sendDrep',
  'established',
  'formatReq',
  'formatRep',
  'formatApr',
  'sendFormatted',
  'sendLap',
  'sendApr',
  'sendSidrReq',
  'sendSidrRep',
  'migrate',
  'getQpAttr',
  'destroy',
] as const;

/** How a consumer goes on: at once, with an MRA first, or with a message that it prepares and sends later. */
const MANNERS = ['at once', 'ask for time', 'prepare'] as const;
type Manner = (typeof MANNERS)[number];

/** Where the run stands, besides the pair itself. */
class Run {
  readonly pair: Pair;
  /** Every CID each side was ever given, live or not. */
  readonly cids = new Map<Side, Cid[]>();
  /** CIDs that are known to mean nothing any more. */
  readonly dead = new Map<Side, Set<Cid>>();
  readonly timing: TimingPolicy | undefined;

  constructor(seed: number, timing: TimingPolicy | undefined) {
    this.pair = new Pair(LIMITS, seed);
    this.timing = timing;
    for (const side of this.sides) {
      this.cids.set(side, []);
      this.dead.set(side, new Set());
    }
  }

  get sides(): readonly Side[] {
    return [this.pair.client, this.pair.server];
  }

  side(number: number): Side {
    return number % 2 === 0 ? this.pair.client : this.pair.server;
  }

  known(side: Side): Cid[] {
    return this.cids.get(side) ?? [];
  }

  call(number: number, call: (typeof CALLS)[number], which: number, value: number): void {
    const side = this.side(number);
    const { owner } = side;
    const known = this.known(side);
    const before = { usage: side.manager.usage(), states: this.states(side) };
    try {
      if (call === 'create') known.push(owner.create());
      else this.callOn(owner, side, call, known[which % Math.max(1, known.length)] ?? (value as Cid), value);
    } catch (error) {
      if (!(error instanceof IbcmError) || error instanceof AssertionError) throw error;
      const after = { usage: side.manager.usage(), states: this.states(side) };
      // Compared as values at once: this happens far too often for a matcher.
      if (!isDeepStrictEqual(after, before)) expect(after, 'a call that throws changes nothing').toEqual(before);
    }
  }

  path(side: Side, self: boolean): CmPath {
    return { localGid: side.gid, remoteGid: self ? side.gid : this.pair.other(side).gid };
  }

  callOn(owner: CepOwner, side: Side, call: Exclude<(typeof CALLS)[number], 'create'>, cid: Cid, value: number): void {
    const { now } = this.pair;
    const privateData = new Uint8Array(value % 5 === 0 ? value : 0);
    const timing = this.timing === undefined ? {} : { timing: this.timing };
    switch (call) {
      case 'listen':
        owner.listen(cid, { serviceId: SERVICE, backlog: value % 4, atBacklog: value % 2 ? 'reject' : 'silence' }, now);
        return;
      case 'sendReq':
      case 'formatReq': {
        const path = this.path(side, value % 7 === 0);
        const alternate = value % 3 === 0 ? { alternatePath: detour(this.pair) } : {};
        const request = { path, ...alternate, qpn: 1 + (value % 6), privateData, maxCmRetries: value % 4, ...timing };
        owner[call](cid, this.pair.request({ ...request, peerToPeer: value % 2 === 0 }), now);
        return;
      }
      case 'sendRep':
      case 'formatRep': {
        const failoverAccepted = value % 2;
        owner[call](cid, { qpn: 1 + (value % 6), startingPsn: 0, privateData, failoverAccepted, ...timing }, now);
        return;
      }
      case 'cancelListen':
      case 'sendFormatted':
      case 'migrate':
        owner[call](cid, now);
        return;
      case 'sendLap':
        owner.sendLap(cid, { path: { ...detour(this.pair), port: 1 + (value % 2) }, privateData, ...timing }, now);
        return;
      case 'sendApr':
      case 'formatApr':
        owner[call](cid, { status: value % 2, privateData }, now);
        return;
      case 'sendSidrReq': {
        const question = {
          path: this.path(side, value % 7 === 0),
          serviceId: SERVICE,
          privateData,
          retries: value % 4,
        };
        owner.sendSidrReq(cid, { ...question, ...timing }, now);
        return;
      }
      case 'sendSidrRep':
        owner.sendSidrRep(cid, { status: value % 3, qpn: value, privateData }, now);
        return;
      case 'getQpAttr':
        owner.getQpAttr(cid, (['INIT', 'RTR', 'RTS'] as const)[value % 3] ?? 'INIT', now);
        return;
      case 'sendRej':
        owner.sendRej(cid, { reason: [28, 10, 4][value % 3] ?? 28, privateData }, now);
        return;
      case 'sendMra':
        owner.sendMra(cid, { serviceTimeout: value % 32, privateData }, now);
        return;
      case 'sendDreq':
        owner.sendDreq(cid, { privateData, ...timing }, now);
        return;
      case 'sendRtu':
      case 'sendDrep':
        owner[call](cid, { privateData }, now);
        return;
      case 'established':
        owner.established(cid, now);
        return;
      case 'destroy':
        owner.destroy(cid, now);
    }
  }

  /** What a consumer that wants a connection would do next, so that runs get further than chance would take them. */
  goOn(number: number, manner: Manner): void {
    const hesitate = manner !== 'at once';
    const side = this.side(number);
    const next: Partial<Record<State, (typeof CALLS)[number]>> = {
      REQ_RCVD: manner === 'prepare' ? 'formatRep' : 'sendRep',
      REQ_MRA_SENT: hesitate ? 'formatRep' : 'sendRep',
      REP_RCVD: 'sendRtu',
      REP_MRA_SENT: 'sendRtu',
      REQ_PREPARED: 'sendFormatted',
      REP_PREPARED: 'sendFormatted',
      REP_PREPARED_MRA_SENT: 'sendFormatted',
      ESTABLISHED: hesitate ? 'sendLap' : 'sendDreq',
      LAP_RCVD: 'formatApr',
      LAP_MRA_SENT: hesitate ? 'formatApr' : 'sendApr',
      APR_PREPARED: 'sendFormatted',
      APR_PREPARED_MRA_SENT: 'sendFormatted',
      DREQ_RCVD: 'sendDrep',
      SIDR_REQ_RCVD: 'sendSidrRep',
    };
    this.known(side).forEach((cid, which) => {
      const state = this.states(side).get(cid) ?? 'IDLE';
      const call = manner === 'ask for time' && /^(REQ|REP|LAP)_RCVD$/.test(state) ? 'sendMra' : next[state];
      if (call !== undefined) this.call(number, call, which, (which + number) % 6);
    });
  }

  poll(number: number, count: number): void {
    const side = this.side(number);
    for (let each = 0; each < count; each += 1) {
      const event = side.event();
      if (event === undefined) return;
      // A request that crossed one of ours is that one.
      const isNew = event.type === 'sidr_req_received' || event.type === 'req_received';
      if (isNew && !this.known(side).includes(event.cid)) this.known(side).push(event.cid);
      if (!this.states(side).has(event.cid)) throw new Error(`${event.type} for a CEP that its owner does not have`);
    }
  }

  deliver(index: number, fate: 'deliver' | 'lose' | 'twice', flip: number): void {
    const { pair } = this;
    pair.collect();
    const [flight] = pair.wire.splice(index % Math.max(1, pair.wire.length), 1);
    if (flight === undefined || fate === 'lose') return;
    const bytes = flight.bytes.slice();
    if (flip % 8 === 0) bytes[24 + (flip % 232)] = flip % 256;
    const { fields } = flight.mad as { fields: { primaryPath?: { remoteGid: Uint8Array }; remoteCommId?: number } };
    // A self-connection's messages go back to their sender.
    const self = fields.primaryPath?.remoteGid.every((byte, i) => byte === flight.from.gid[i]) ?? flip % 5 === 0;
    for (let time = 0; time < (fate === 'twice' ? 2 : 1); time += 1) {
      pair.inject(self ? flight.from : flight.to, bytes, flight.from.gid);
    }
  }

  states(side: Side): Map<Cid, State> {
    const states = new Map<Cid, State>();
    for (const cid of this.known(side)) {
      if (this.dead.get(side)?.has(cid)) continue;
      try {
        states.set(cid, side.owner.state(cid));
      } catch (error) {
        if (!(error instanceof IbcmError) || error.code !== 'INVALID_CID') throw error;
        this.dead.get(side)?.add(cid);
      }
    }
    return states;
  }

  check(): void {
    for (const side of this.sides) {
      const usage = side.manager.usage();
      const states = [...this.states(side).values()];
      const count = (of: readonly State[]): number => states.filter((state) => of.includes(state)).length;
      // CEPs that this test has not polled yet have no timer, or that of a timewait, and no queue pair.
      const unseen = side.owner.size - states.length;
      const unbound = usage.ceps - side.owner.size;
      const waiting = count(WAITS) + unbound;
      const deadlines = count(WAITS.filter((state) => state !== 'TIMEWAIT')) + unbound;
      const within = (what: string, value: number, min: number, max: number): void => {
        if (value < min || value > max) throw new Error(`${what} is ${value}, not from ${min} to ${max}`);
      };
      within('ceps', usage.ceps, states.length, LIMITS.maxCeps);
      within('unbound', unbound, 0, LIMITS.maxCeps);
      within('mads', usage.mads, 0, LIMITS.maxMads);
      within('transmits', usage.transmits, 0, LIMITS.maxTransmits);
      within('events', usage.events, 0, 8 * side.owner.size);
      within('listens', usage.listens, count(['LISTEN']), count(['LISTEN']));
      within('timings', usage.timings, 0, this.timing === undefined ? 0 : 1);
      within('timers', usage.timers, waiting, waiting + deadlines + unseen);
      // A request that gave way to the peer's still has the queue pair that it was to have.
      const holders = [...CONNECTED, ...ASKING, ...ANSWERING];
      // Of those not polled yet, one that gave way may hold one too.
      const most = count([...holders, ...ASKED, 'TIMEWAIT']) + unbound;
      within('localQpns', usage.localQpns, count(holders), most);
      within('remoteQpns', usage.remoteQpns, count([...CONNECTED, ...ASKED, ...ANSWERING]), usage.remoteIds);
      within('peerRequests', usage.peerRequests, 0, count(['REQ_SENT', 'REQ_MRA_RCVD']));
      within('remoteIds', usage.remoteIds, 0, usage.ceps);
      within('paths', usage.paths, 0, 3 * usage.ceps + usage.transmits + 1);
      within('next time-outs', side.manager.nextTimeout() === Number.POSITIVE_INFINITY ? 0 : 1, 0, usage.timers);
      within(
        'timers without a time-out',
        usage.timers,
        0,
        side.manager.nextTimeout() === Number.POSITIVE_INFINITY ? 0 : 99,
      );
    }
  }
}

/** What happens next, as data, so that a failing run can be read. */
type Step =
  | readonly ['call', side: number, call: (typeof CALLS)[number], which: number, value: number]
  | readonly ['goOn', side: number, manner: Manner]
  | readonly ['poll', side: number, count: number]
  | readonly ['deliver', index: number, fate: 'deliver' | 'lose' | 'twice', flip: number]
  | readonly ['deliverAll']
  | readonly ['advance']
  | readonly ['elapse', time: number];

function take(run: Run, step: Step): void {
  switch (step[0]) {
    case 'call':
      run.call(step[1], step[2], step[3], step[4]);
      break;
    case 'goOn':
      run.goOn(step[1], step[2]);
      break;
    case 'poll':
      run.poll(step[1], step[2]);
      break;
    case 'deliver':
      run.deliver(step[1], step[2], step[3]);
      break;
    case 'deliverAll':
      run.pair.deliverAll();
      break;
    case 'advance':
      run.pair.advance();
      break;
    case 'elapse':
      run.pair.elapse(step[1]);
  }
}

const side = fc.nat(1);
const small = fc.nat(1_000);
const fate = fc.constantFrom('deliver' as const, 'deliver' as const, 'lose' as const, 'twice' as const);
const as = <Name extends string>(name: Name): fc.Arbitrary<Name> => fc.constant(name);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(as('call'), side, fc.constantFrom(...CALLS), small, small) },
  { weight: 4, arbitrary: fc.tuple(as('goOn'), side, fc.constantFrom(...MANNERS)) },
  { weight: 4, arbitrary: fc.tuple(as('poll'), side, fc.nat(5)) },
  { weight: 8, arbitrary: fc.tuple(as('deliver'), small, fate, small) },
  { weight: 3, arbitrary: fc.tuple(as('deliverAll')) },
  { weight: 2, arbitrary: fc.tuple(as('advance')) },
  { weight: 1, arbitrary: fc.tuple(as('elapse'), fc.nat(20_000_000)) },
);
const timing = fc.constantFrom<TimingPolicy | undefined>(
  undefined,
  { responseTimeout: 1_000_000 as never, retries: 3 },
  { responseTimeout: 1_000_000 as never, retries: 2, deadline: 2_500_000 as never },
);

/** Both sides listen and ask each other for a connection, which gets some steps ahead: something to spoil. */
function begin(run: Run, ahead: number): void {
  for (const number of [0, 1]) {
    run.call(number, 'create', 0, 0);
    run.call(number, 'listen', 0, 3);
    run.call(number, 'create', 0, 0);
    run.call(number, 'sendReq', 1, 3 + 2 * number);
  }
  for (let each = 0; each < ahead; each += 1) {
    run.pair.deliverAll();
    for (const number of [0, 1]) run.poll(number, 9);
    // The connections stand after two rounds: talk about another path, with and without an MRA.
    const hesitate = each >= 2 && !(each === 3 && ahead % 2 === 0);
    for (const number of [0, 1]) run.goOn(number, hesitate ? 'ask for time' : 'at once');
  }
}

test('whatever consumers and networks do, every count is right in every moment and nothing is left over', () => {
  const reached = new Set<State>();
  const steps = fc.array(step, { minLength: 10, maxLength: 120, size: 'max' });
  fc.assert(
    fc.property(fc.nat(1_000), timing, fc.nat(8), steps, (seed, policy, ahead, taken) => {
      const run = new Run(seed, policy);
      begin(run, ahead);
      for (const each of taken) {
        take(run, each);
        run.check();
        for (const each of run.sides) for (const state of run.states(each).values()) reached.add(state);
      }
      expect(run.pair.leftovers()).toEqual([{}, {}]);
    }),
    { numRuns: 1_500 },
  );
  // The runs go everywhere, or they would prove nothing.
  expect(reached).toEqual(new Set<State>(STATES));
});
