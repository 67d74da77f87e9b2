import { describe, expect, test } from 'vitest';
import {
  type AttributeName,
  type ModifyAttributes,
  QP_STATES,
  type QpState,
  TRANSITIONS,
  TRANSPORTS,
  type Transport,
} from '../../src/verbs/index.js';
import { errorOf, OTHER_PATH, queuePairIn, VALUES } from './queue-pairs.js';

/**
 * Every state × state × transport, compared with lists of their own: what `ibv_modify_qp(3)` requires and what Linux's core
 * lets through besides, in libibverbs' names (without `IBV_QP_`), `from to: required | optional`. The transitions to RESET and
 * ERR have no attributes and are a rule, below.
 */
const FACTS: Readonly<Record<Transport, string>> = {
  rc: `
    RESET INIT: PKEY_INDEX PORT ACCESS_FLAGS |
    INIT INIT: | PKEY_INDEX PORT ACCESS_FLAGS
    INIT RTR: AV PATH_MTU DEST_QPN RQ_PSN MAX_DEST_RD_ATOMIC MIN_RNR_TIMER | ALT_PATH ACCESS_FLAGS PKEY_INDEX
    RTR RTS: SQ_PSN TIMEOUT RETRY_CNT RNR_RETRY MAX_QP_RD_ATOMIC | CUR_STATE ALT_PATH ACCESS_FLAGS MIN_RNR_TIMER PATH_MIG_STATE
    RTS RTS: | CUR_STATE ACCESS_FLAGS ALT_PATH PATH_MIG_STATE MIN_RNR_TIMER
    RTS SQD: | EN_SQD_ASYNC_NOTIFY
    SQD RTS: | CUR_STATE ALT_PATH ACCESS_FLAGS MIN_RNR_TIMER PATH_MIG_STATE
    SQD SQD: | PORT AV TIMEOUT RETRY_CNT RNR_RETRY MAX_QP_RD_ATOMIC MAX_DEST_RD_ATOMIC ALT_PATH ACCESS_FLAGS PKEY_INDEX MIN_RNR_TIMER PATH_MIG_STATE
  `,
  uc: `
    RESET INIT: PKEY_INDEX PORT ACCESS_FLAGS |
    INIT INIT: | PKEY_INDEX PORT ACCESS_FLAGS
    INIT RTR: AV PATH_MTU DEST_QPN RQ_PSN | ALT_PATH ACCESS_FLAGS PKEY_INDEX
    RTR RTS: SQ_PSN | CUR_STATE ALT_PATH ACCESS_FLAGS PATH_MIG_STATE
    RTS RTS: | CUR_STATE ACCESS_FLAGS ALT_PATH PATH_MIG_STATE
    RTS SQD: | EN_SQD_ASYNC_NOTIFY
    SQD RTS: | CUR_STATE ALT_PATH ACCESS_FLAGS PATH_MIG_STATE
    SQD SQD: | AV ALT_PATH ACCESS_FLAGS PKEY_INDEX PATH_MIG_STATE
    SQE RTS: | CUR_STATE ACCESS_FLAGS
  `,
  ud: `
    RESET INIT: PKEY_INDEX PORT QKEY |
    INIT INIT: | PKEY_INDEX PORT QKEY
    INIT RTR: | PKEY_INDEX QKEY
    RTR RTS: SQ_PSN | CUR_STATE QKEY
    RTS RTS: | CUR_STATE QKEY
    RTS SQD: | EN_SQD_ASYNC_NOTIFY
    SQD RTS: | CUR_STATE QKEY
    SQD SQD: | PKEY_INDEX QKEY
    SQE RTS: | CUR_STATE QKEY
  `,
};

/** Our names. What is not here, we do not have. */
const OURS: Readonly<Record<string, readonly AttributeName[]>> = {
  PKEY_INDEX: ['pKey'],
  PORT: ['port'],
  QKEY: ['qKey'],
  ACCESS_FLAGS: ['accessFlags'],
  AV: ['path'],
  ALT_PATH: ['alternatePath', 'alternateAckTimeout'],
  PATH_MTU: ['mtu'],
  DEST_QPN: ['destinationQpn'],
  RQ_PSN: ['receivePsn'],
  SQ_PSN: ['sendPsn'],
  MAX_DEST_RD_ATOMIC: ['responderResources'],
  MAX_QP_RD_ATOMIC: ['initiatorDepth'],
  MIN_RNR_TIMER: ['minRnrTimer'],
  TIMEOUT: ['ackTimeout'],
  RETRY_CNT: ['retryCount'],
  RNR_RETRY: ['rnrRetryCount'],
};
const NOT_OURS = ['CUR_STATE', 'PATH_MIG_STATE', 'EN_SQD_ASYNC_NOTIFY'];
/** Required there, not here: the CM's messages do not say them, and they have a default. */
const WITH_DEFAULT: readonly AttributeName[] = ['accessFlags', 'minRnrTimer'];

interface Expected {
  readonly required: readonly AttributeName[];
  readonly optional: readonly AttributeName[];
}

function namesOf(text: string, transport: Transport): AttributeName[] {
  const theirs = text.split(' ').filter((name) => name !== '' && !NOT_OURS.includes(name));
  const ours = theirs.flatMap((name) => OURS[name] ?? [name as AttributeName]);
  // "Valid only for RC queue pairs", says the manual page of alt_timeout.
  return ours.filter((name) => transport === 'rc' || name !== 'alternateAckTimeout');
}

function expected(transport: Transport, from: QpState, to: QpState): Expected | undefined {
  if (to === 'RESET' || (to === 'ERR' && from !== 'RESET')) return { required: [], optional: [] };
  const line = FACTS[transport].split('\n').find((text) => text.trim().startsWith(`${from} ${to}:`));
  if (line === undefined) return undefined;
  const [required, optional] = line.slice(line.indexOf(':') + 1).split('|') as [string, string];
  const needed = namesOf(required, transport);
  return {
    required: needed.filter((name) => !WITH_DEFAULT.includes(name)),
    optional: [...needed.filter((name) => WITH_DEFAULT.includes(name)), ...namesOf(optional, transport)],
  };
}

/** Another value than the one that the queue pair may have, with what it takes to go with it. */
const OTHERS: Readonly<Record<AttributeName, ModifyAttributes>> = {
  pKey: { pKey: 0x8001 },
  port: { port: 2 },
  qKey: { qKey: 0xffff_ffff },
  accessFlags: { accessFlags: 14 },
  path: { path: OTHER_PATH },
  alternatePath: { alternatePath: { ...OTHER_PATH, port: 2 } },
  mtu: { mtu: 5 },
  destinationQpn: { destinationQpn: 0xff_fffe },
  receivePsn: { receivePsn: 0xff_ffff },
  sendPsn: { sendPsn: 0xff_ffff },
  responderResources: { responderResources: 255 },
  initiatorDepth: { initiatorDepth: 255 },
  minRnrTimer: { minRnrTimer: 31 },
  ackTimeout: { ackTimeout: 31 },
  alternateAckTimeout: { alternatePath: OTHER_PATH, alternateAckTimeout: 31 },
  retryCount: { retryCount: 0 },
  rnrRetryCount: { rnrRetryCount: 0 },
};
const ALL = Object.keys(VALUES) as AttributeName[];
const DEFAULTS = {
  rc: { state: 'RESET', accessFlags: 0, minRnrTimer: 0 },
  uc: { state: 'RESET', accessFlags: 0 },
  ud: { state: 'RESET' },
};

const cells = TRANSPORTS.flatMap((transport) =>
  QP_STATES.flatMap((from) => QP_STATES.map((to) => ({ transport, from, to }))),
);

describe.each(cells)('$transport $from → $to', ({ transport, from, to }) => {
  // A reliable connection is never in SQE: a failed send breaks it.
  const facts = transport === 'rc' && from === 'SQE' ? undefined : expected(transport, from, to);

  test('is what the table says', () => {
    const entry = TRANSITIONS[transport][from][to];
    const sorted = (names: readonly string[]): string[] => [...names].sort();
    expect(entry && { required: sorted(entry.required), optional: sorted(entry.optional) }).toEqual(
      facts && { required: sorted(facts.required), optional: sorted(facts.optional) },
    );
  });

  test('is what a queue pair does, with every attribute given or left out', () => {
    const made = (): ReturnType<typeof queuePairIn> => queuePairIn(from, transport);
    if (made() === undefined) return;
    const needed = Object.assign({}, ...(facts?.required ?? []).map((name) => OTHERS[name])) as ModifyAttributes;

    const attempt = (attributes: ModifyAttributes, refused?: { code: string; attribute?: string }): void => {
      const queuePair = made();
      if (queuePair === undefined) throw new Error('it could be made before');
      const before = queuePair.query();
      if (refused) {
        const { code, details } = errorOf(() => queuePair.modify(attributes));
        expect({ code, details }).toMatchObject({
          code: refused.code,
          details: { from, to, ...(refused.attribute && { attribute: refused.attribute }) },
        });
        expect(queuePair.query()).toEqual(before);
      } else {
        queuePair.modify(attributes);
        const after = to === 'RESET' ? DEFAULTS[transport] : { ...before, ...withDefaults(attributes), state: to };
        expect(queuePair.query()).toEqual(after);
      }
    };

    if (facts === undefined) {
      attempt({ state: to }, { code: 'INVALID_TRANSITION' });
      for (const name of ALL) attempt({ state: to, ...OTHERS[name] }, { code: 'INVALID_TRANSITION' });
      return;
    }
    attempt({ state: to, ...needed });
    if (from === to) attempt(needed);
    for (const attribute of facts.required) {
      const { [attribute]: left, ...rest } = needed;
      expect(left).toBeDefined();
      attempt({ state: to, ...rest }, { code: 'MISSING_ATTRIBUTE', attribute });
      attempt({ state: to, ...rest, [attribute]: undefined }, { code: 'MISSING_ATTRIBUTE', attribute });
    }
    for (const attribute of ALL) {
      const allowed = facts.required.includes(attribute) || facts.optional.includes(attribute);
      // A connected queue pair changes its port together with its path.
      const together = attribute === 'port' && from === 'SQD' ? { path: { ...OTHER_PATH, port: 2 } } : {};
      const attributes = { state: to, ...needed, ...(allowed ? together : {}), ...OTHERS[attribute] };
      if (allowed) attempt(attributes);
      else attempt(attributes, { code: 'ATTRIBUTE_NOT_ALLOWED' });
    }
  });
});

/** As they come out again. */
function withDefaults(attributes: ModifyAttributes): ModifyAttributes {
  const { path, alternatePath } = attributes;
  const others = { flowLabel: 0, hopLimit: 64, sl: 0 };
  return {
    ...attributes,
    ...(path && { path: { ...others, ...path } }),
    ...(alternatePath && { alternatePath: { ...others, ...alternatePath } }),
  };
}

test('the lists name nothing twice and nothing unknown', () => {
  for (const transport of TRANSPORTS) {
    for (const from of QP_STATES) {
      for (const to of QP_STATES) {
        const { required = [], optional = [] } = expected(transport, from, to) ?? {};
        const names = [...required, ...optional];
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) expect(ALL).toContain(name);
      }
    }
  }
});

describe('a send that fails', () => {
  test.each(['RTS', 'SQD'] as const)('in %s breaks a reliable connection and stops the others’ sending', (state) => {
    for (const transport of TRANSPORTS) {
      const queuePair = queuePairIn(state, transport);
      const before = queuePair?.query();
      queuePair?.sendFailed();
      expect(queuePair?.query()).toEqual({ ...before, state: transport === 'rc' ? 'ERR' : 'SQE' });
    }
  });

  test.each(['RESET', 'INIT', 'RTR', 'SQE', 'ERR'] as const)('cannot be in %s', (state) => {
    const queuePair = queuePairIn(state, 'ud');
    expect(() => queuePair?.sendFailed()).toThrow('sends fail in RTS and SQD');
    expect(queuePair?.state).toBe(state);
  });
});
