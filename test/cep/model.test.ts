import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { AssertionError, IbcmError } from '../../src/base/index.js';
import type { CepOwner, State, TimingPolicy } from '../../src/cep/index.js';
import { Pair, SERVICE, type Side } from './pair.js';

/** Consumers that call anything at any time, over a network that loses, repeats, delays and forges: what must hold in every moment. */

const LIMITS = { maxCeps: 6, maxMads: 20, maxTransmits: 10 };
/** States in which the CEP's own timer runs, and those in which a deadline may run besides. */
const WAITS: readonly State[] = ['REQ_SENT', 'REQ_MRA_RCVD', 'REP_SENT', 'REP_MRA_RCVD', 'DREQ_SENT', 'TIMEWAIT'];
const HOLDS_QPN: readonly State[] = [
  ...WAITS.filter((state) => state !== 'TIMEWAIT'),
  'REP_RCVD',
  'REP_MRA_SENT',
  'ESTABLISHED',
  'DREQ_RCVD',
];

const CALLS = [
  'create',
  'listen',
  'sendReq',
  'sendRep',
  'sendRtu',
  'sendRej',
  'sendMra',
  'sendDreq',
  'sendDrep',
  'established',
  'destroy',
] as const;

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

  callOn(owner: CepOwner, side: Side, call: Exclude<(typeof CALLS)[number], 'create'>, cid: Cid, value: number): void {
    const { now } = this.pair;
    const privateData = new Uint8Array(value % 5 === 0 ? value : 0);
    const timing = this.timing === undefined ? {} : { timing: this.timing };
    switch (call) {
      case 'listen':
        owner.listen(cid, { serviceId: SERVICE, backlog: value % 4, atBacklog: value % 2 ? 'reject' : 'silence' }, now);
        return;
      case 'sendReq': {
        const self = value % 7 === 0;
        const path = { localGid: side.gid, remoteGid: self ? side.gid : this.pair.other(side).gid };
        const qpn = 1 + (value % 6);
        owner.sendReq(cid, this.pair.request({ path, qpn, privateData, maxCmRetries: value % 4, ...timing }), now);
        return;
      }
      case 'sendRep':
        owner.sendRep(cid, { qpn: 1 + (value % 6), startingPsn: 0, privateData, ...timing }, now);
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
  goOn(number: number, hesitate: boolean): void {
    const side = this.side(number);
    const next: Partial<Record<State, (typeof CALLS)[number]>> = {
      REQ_RCVD: 'sendRep',
      REQ_MRA_SENT: 'sendRep',
      REP_RCVD: 'sendRtu',
      REP_MRA_SENT: 'sendRtu',
      ESTABLISHED: 'sendDreq',
      DREQ_RCVD: 'sendDrep',
    };
    this.known(side).forEach((cid, which) => {
      const state = this.states(side).get(cid) ?? 'IDLE';
      const call = hesitate && (state === 'REQ_RCVD' || state === 'REP_RCVD') ? 'sendMra' : next[state];
      if (call !== undefined) this.call(number, call, which, (which + number) % 6);
    });
  }

  poll(number: number, count: number): void {
    const side = this.side(number);
    for (let each = 0; each < count; each += 1) {
      const event = side.event();
      if (event === undefined) return;
      if (event.type === 'req_received') this.known(side).push(event.cid);
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
      within('localQpns', usage.localQpns, count(HOLDS_QPN), count([...HOLDS_QPN, 'TIMEWAIT']) + unbound);
      within('remoteQpns', usage.remoteQpns, count(HOLDS_QPN) - count(['REQ_SENT', 'REQ_MRA_RCVD']), usage.remoteIds);
      within('remoteIds', usage.remoteIds, 0, usage.ceps);
      within('paths', usage.paths, 0, usage.ceps + usage.transmits + 1);
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
  | readonly ['goOn', side: number, hesitate: boolean]
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
  { weight: 4, arbitrary: fc.tuple(as('goOn'), side, fc.boolean()) },
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
    run.call(number, 'sendReq', 1, 2 + number);
  }
  for (let each = 0; each < ahead; each += 1) {
    run.pair.deliverAll();
    for (const number of [0, 1]) run.poll(number, 9);
    for (const number of [0, 1]) run.goOn(number, false);
  }
}

test('whatever consumers and networks do, every count is right in every moment and nothing is left over', () => {
  const reached = new Set<State>();
  const steps = fc.array(step, { minLength: 10, maxLength: 120, size: 'max' });
  fc.assert(
    fc.property(fc.nat(1_000), timing, fc.nat(4), steps, (seed, policy, ahead, taken) => {
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
  const others: State[] = ['IDLE', 'LISTEN', 'REQ_RCVD', 'REQ_MRA_SENT', 'REP_RCVD', 'REP_MRA_SENT', 'ESTABLISHED'];
  expect(reached).toEqual(new Set<State>([...WAITS, ...others, 'DREQ_RCVD']));
});
