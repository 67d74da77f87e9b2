import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AttributeName,
  type ModifyAttributes,
  QP_STATES,
  type QpState,
  type QueuePair,
  TRANSPORTS,
  type Transport,
  VerbsError,
} from '../../src/verbs/index.js';
import { errorOf, madeIn, OTHER_PATH, PATH, queuePairIn, tables, VALUES } from './queue-pairs.js';

describe('R11: R22: destroying a queue pair', () => {
  test.each(QP_STATES)('in %s never fails: the state is ERR at once, and it completes at the next poll', (state) => {
    for (const transport of TRANSPORTS) {
      const { ledger, table } = tables();
      const queuePair = queuePairIn(state, transport, table);
      if (queuePair === undefined) continue;
      let completed = 0;
      const { state: _, ...values } = queuePair.query();
      queuePair.destroy(() => {
        completed += 1;
      });
      expect(completed).toBe(0);
      expect(queuePair.destroyed).toBe(true);
      expect(queuePair.query()).toEqual({ ...values, state: 'ERR' });
      for (let each = 0; each < 3; each += 1) ledger.poll();
      expect(completed).toBe(1);
      expect({ left: ledger.report(), size: table.size }).toEqual({ left: [], size: 0 });
    }
  });

  test('waits for those who hold it, and says who they are', () => {
    const { ledger, table } = tables();
    const queuePair = madeIn('RTS', 'rc', table);
    const references = ['cep', 'send in flight'].map((holder) => queuePair.hold(holder));
    let completed = false;
    queuePair.destroy(() => {
      completed = true;
    });
    for (const reference of references) {
      ledger.poll();
      expect(completed).toBe(false);
      expect(table.size).toBe(1);
      expect(ledger.report()[0]?.holders).toContain(reference.holder);
      reference.release();
    }
    expect(completed).toBe(false);
    ledger.poll();
    expect(completed).toBe(true);
    expect(table.size).toBe(0);
  });

  test('R8: refuses everything but queries from then on, new holders too', () => {
    const { ledger, table } = tables();
    const queuePair = table.create({ transport: 'rc' });
    const reference = queuePair.hold('cep');
    queuePair.destroy();
    const refused = (): void => {
      for (const call of [
        () => queuePair.modify({ state: 'RESET' }),
        () => queuePair.modify({}),
        () => queuePair.hold('another'),
        () => queuePair.destroy(() => expect.unreachable('not destroyed twice')),
      ]) {
        expect(errorOf(call)).toMatchObject({ code: 'DESTROYED', details: { qpn: queuePair.qpn } });
      }
      expect(() => queuePair.sendFailed()).toThrow('sends fail in');
      expect(queuePair.query().state).toBe('ERR');
    };
    refused();
    reference.release();
    refused();
    ledger.poll();
    refused();
    expect(ledger.report()).toEqual([]);
  });

  test('works from the completion of another, which finds its own number free', () => {
    const { ledger, table } = tables({ maxQueuePairs: 2 });
    const [first, second] = [table.create({ transport: 'rc' }), table.create({ transport: 'ud' })];
    const log: string[] = [];
    first.destroy(() => {
      log.push('first');
      table.create({ transport: 'uc' });
      second.destroy(() => log.push('second'));
    });
    ledger.poll();
    expect(log).toEqual(['first']);
    ledger.poll();
    expect(log).toEqual(['first', 'second']);
    expect(table.size).toBe(1);
  });
});

test('a queue pair carries what its consumer wants to find with it', () => {
  const { table } = tables();
  const queuePair = table.create({ transport: 'rc', context: { connection: 7 } });
  expect(table.get(queuePair.qpn)?.context).toEqual({ connection: 7 });
  queuePair.context = 'another';
  expect(table.get(queuePair.qpn)?.context).toBe('another');
  expect(table.create({ transport: 'rc' }).context).toBeUndefined();
});

/** What a queue pair of each transport can have at all, and what it must have from a state on. */
const BASE: readonly AttributeName[] = ['pKey', 'port'];
const CONNECTED: readonly AttributeName[] = ['path', 'mtu', 'destinationQpn', 'receivePsn'];
const RELIABLE: readonly AttributeName[] = ['ackTimeout', 'retryCount', 'rnrRetryCount', 'initiatorDepth'];
const MUST: Readonly<Record<Transport, Readonly<Record<'INIT' | 'RTR' | 'RTS', readonly AttributeName[]>>>> = {
  rc: { INIT: BASE, RTR: [...CONNECTED, 'responderResources'], RTS: ['sendPsn', ...RELIABLE] },
  uc: { INIT: BASE, RTR: CONNECTED, RTS: ['sendPsn'] },
  ud: { INIT: [...BASE, 'qKey'], RTR: [], RTS: ['sendPsn'] },
};
const MAY: Readonly<Record<Transport, readonly AttributeName[]>> = {
  rc: ['accessFlags', 'minRnrTimer', 'alternatePath', 'alternateAckTimeout'],
  uc: ['accessFlags', 'alternatePath'],
  ud: [],
};
const STAGES: Readonly<Record<QpState, number>> = { RESET: 0, INIT: 1, RTR: 2, RTS: 3, SQD: 3, SQE: 3, ERR: 0 };

function expectConsistent(queuePair: QueuePair): void {
  const { state, ...values } = queuePair.query();
  const { INIT, RTR, RTS } = MUST[queuePair.transport];
  const must = [INIT, RTR, RTS].slice(0, STAGES[state]).flat();
  expect(values).toEqual(expect.objectContaining(Object.fromEntries(must.map((name) => [name, expect.anything()]))));
  const known = [...INIT, ...RTR, ...RTS, ...MAY[queuePair.transport]];
  for (const name of Object.keys(values)) expect(known).toContain(name);
  // What comes later is not there yet.
  if (state === 'RESET' || state === 'INIT') for (const name of [...RTR, ...RTS]) expect(values[name]).toBeUndefined();
  if (state === 'RTR') for (const name of RTS) expect(values[name]).toBeUndefined();
  if (values.path) expect(values.path.port).toBe(values.port);
  if (values.alternateAckTimeout !== undefined) expect(values.alternatePath).toBeDefined();
  if (queuePair.transport === 'rc') expect(state).not.toBe('SQE');
}

/** The way that a queue pair usually goes. */
const NEXT: Readonly<Partial<Record<QpState, QpState>>> = {
  RESET: 'INIT',
  INIT: 'RTR',
  RTR: 'RTS',
  RTS: 'SQD',
  SQD: 'RTS',
  SQE: 'RTS',
  ERR: 'RESET',
};
const outOfPlace = { weight: 1, arbitrary: fc.constantFrom<unknown>(-1, 2 ** 32, 0.5, 'x', {}) };
const anyOf = (name: AttributeName): fc.Arbitrary<unknown> => {
  const others: Partial<Record<AttributeName, readonly unknown[]>> = {
    path: [OTHER_PATH, { ...PATH, port: 2 }],
    alternatePath: [{ ...PATH, port: 2 }],
    port: [2],
    destinationQpn: [2],
  };
  const good = fc.constantFrom<unknown>(VALUES[name], ...(others[name] ?? [1]));
  return fc.oneof({ weight: 30, arbitrary: good }, outOfPlace);
};
const everyValue = Object.fromEntries((Object.keys(VALUES) as AttributeName[]).map((name) => [name, anyOf(name)]));

/** Attributes that fit the way to a state, made worse: some left out, some added. */
const attributes = fc.record({
  toward: fc.oneof(
    { weight: 3, arbitrary: fc.constant('next' as const) },
    { weight: 1, arbitrary: fc.constantFrom<QpState | undefined>(...QP_STATES, undefined) },
  ),
  values: fc.record(everyValue),
  leaveOut: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(fc.nat(7)) }),
  add: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(...(Object.keys(VALUES) as AttributeName[])), { maxLength: 3 }) },
  ),
});

test('no sequence of calls leaves an inconsistent queue pair, and a refused one leaves all as it was', () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(...TRANSPORTS),
      fc.array(fc.oneof({ weight: 8, arbitrary: attributes }, fc.constant('sendFailed' as const)), { maxLength: 25 }),
      (transport, steps) => {
        const queuePair = tables().table.create({ transport });
        for (const step of steps) {
          const before = queuePair.query();
          if (step === 'sendFailed') {
            if (before.state === 'RTS' || before.state === 'SQD') queuePair.sendFailed();
          } else {
            const { toward, values, leaveOut, add } = step;
            const target = toward === 'next' ? NEXT[before.state] : toward;
            const next = target === 'INIT' || target === 'RTR' || target === 'RTS' ? target : undefined;
            const fitting = next && before.state !== target ? MUST[transport][next] : [];
            const names = [...fitting.filter((_, index) => !(leaveOut as number[]).includes(index)), ...add];
            const given = Object.fromEntries(names.map((name) => [name, values[name]]));
            try {
              queuePair.modify({ ...(target && { state: target }), ...given } as ModifyAttributes);
              expect(queuePair.state).toBe(target ?? before.state);
            } catch (error) {
              if (!(error instanceof VerbsError)) throw error;
              expect(queuePair.query()).toEqual(before);
            }
          }
          expectConsistent(queuePair);
          reached.add(`${transport} ${queuePair.state}`);
        }
      },
    ),
    { numRuns: 500 },
  );
  // All states but the one that a reliable connection does not have.
  expect(reached.size).toBe(20);
});
