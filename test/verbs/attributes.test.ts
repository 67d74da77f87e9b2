import { describe, expect, test } from 'vitest';
import type { ModifyAttributes, QpState, QueuePair, Transport } from '../../src/verbs/index.js';
import { errorOf, madeIn, OTHER_PATH, PATH, pick, tables, toward, VALUES } from './queue-pairs.js';

/** Values of attributes: their ranges, how they go together, and that nobody else can change them. */

/** Refuses the values just outside, and what is no integer; takes those at the edge. */
const RANGES: readonly (readonly [attribute: string, from: QpState, to: QpState, min: number, max: number])[] = [
  ['pKey', 'INIT', 'INIT', 1, 0xffff],
  ['port', 'INIT', 'INIT', 1, 2],
  ['accessFlags', 'INIT', 'INIT', 0, 14],
  ['mtu', 'INIT', 'RTR', 1, 5],
  ['destinationQpn', 'INIT', 'RTR', 2, 0xff_fffe],
  ['receivePsn', 'INIT', 'RTR', 0, 0xff_ffff],
  ['responderResources', 'INIT', 'RTR', 0, 255],
  ['minRnrTimer', 'INIT', 'RTR', 0, 31],
  ['alternateAckTimeout', 'INIT', 'RTR', 0, 31],
  ['sendPsn', 'RTR', 'RTS', 0, 0xff_ffff],
  ['ackTimeout', 'RTR', 'RTS', 0, 31],
  ['retryCount', 'RTR', 'RTS', 0, 7],
  ['rnrRetryCount', 'RTR', 'RTS', 0, 7],
  ['initiatorDepth', 'RTR', 'RTS', 0, 255],
];
/** Parts of an address vector, the same in both. */
const PARTS: readonly (readonly [part: string, max: number])[] = [
  ['trafficClass', 0xff],
  ['sourcePort', 0xffff],
  ['flowLabel', 0xf_ffff],
  ['hopLimit', 0xff],
  ['sl', 15],
];
const NO_INTEGERS: readonly unknown[] = [0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', 1n, null, true, {}, [1]];

function refused(queuePair: QueuePair, attributes: object, attribute: string, value?: unknown): void {
  const before = queuePair.query();
  const { code, details } = errorOf(() => queuePair.modify(attributes as ModifyAttributes));
  expect({ code, attribute: details.attribute, value: details.value }).toEqual({
    code: 'INVALID_ATTRIBUTE',
    attribute,
    value,
  });
  expect(details).toMatchObject({ qpn: queuePair.qpn, from: before.state });
  expect(queuePair.query()).toEqual(before);
}

/** What the transition needs, and an alternate path, which some attributes are nothing without. */
function needed(from: QpState, to: QpState): ModifyAttributes {
  if (from === to) return { state: to };
  return { ...toward('rc', to as 'RTR' | 'RTS'), alternatePath: OTHER_PATH };
}

describe('the range of', () => {
  test.each(RANGES)('%s (%s → %s) is from %d or %d, and nothing beside', (attribute, from, to, min, max) => {
    for (const value of [min, max]) {
      const queuePair = madeIn(from, 'rc');
      queuePair.modify({ ...needed(from, to), [attribute]: value });
      expect(queuePair.query()).toMatchObject({ state: to, [attribute]: value });
    }
    for (const value of [min - 1, max + 1, -1, 2 ** 32, ...NO_INTEGERS]) {
      refused(madeIn(from, 'rc'), { ...needed(from, to), [attribute]: value }, attribute, value);
    }
  });

  test('a Q_Key is 32 bits', () => {
    const queuePair = madeIn('RTS', 'ud');
    for (const qKey of [0, 0xffff_ffff]) {
      queuePair.modify({ qKey });
      expect(queuePair.query().qKey).toBe(qKey);
    }
    for (const qKey of [-1, 2 ** 32, ...NO_INTEGERS]) refused(queuePair, { qKey }, 'qKey', qKey);
  });

  test.each(['path', 'alternatePath'])('%s is that of its parts', (attribute) => {
    const attempt = (address: unknown): [QueuePair, object] => [
      madeIn('SQD', 'rc'),
      { alternatePath: OTHER_PATH, [attribute]: address },
    ];
    for (const [part, max] of PARTS) {
      for (const value of [0, max]) {
        const [queuePair, attributes] = attempt({ ...PATH, [part]: value });
        queuePair.modify(attributes);
        expect(queuePair.query()).toMatchObject({ [attribute]: { [part]: value } });
      }
      for (const value of [-1, max + 1, ...NO_INTEGERS]) {
        refused(...attempt({ ...PATH, [part]: value }), `${attribute}.${part}`, value);
      }
    }
    for (const port of [0, 3, '1']) refused(...attempt({ ...PATH, port }), `${attribute}.port`, port);
    for (const part of ['localGid', 'remoteGid']) {
      for (const gid of [new Uint8Array(15), new Uint8Array(17), Array(16).fill(0), undefined, '10.0.0.1']) {
        refused(...attempt({ ...PATH, [part]: gid }), `${attribute}.${part}`, gid);
      }
    }
    for (const address of [null, 7, 'path']) refused(...attempt(address), attribute, address);
  });

  test('a P_Key is one that names a partition, with or without full membership', () => {
    const queuePair = madeIn('INIT', 'rc');
    for (const pKey of [0, 0x8000]) refused(queuePair, { pKey }, 'pKey', pKey);
    for (const pKey of [1, 0x7fff, 0x8001, 0xffff]) queuePair.modify({ pKey });
  });

  test('access flags are the three remote ones', () => {
    const queuePair = madeIn('INIT', 'rc');
    for (const accessFlags of [0, 2, 4, 6, 8, 10, 12, 14]) queuePair.modify({ accessFlags });
    for (const accessFlags of [1, 3, 15, 16, 18]) refused(queuePair, { accessFlags }, 'accessFlags', accessFlags);
  });

  test('a state is one of the seven', () => {
    for (const state of ['rts', 'toString', '__proto__', '', null, 3]) {
      const queuePair = madeIn('RTR', 'rc');
      const before = queuePair.query();
      const { code, details } = errorOf(() => queuePair.modify({ state } as object));
      expect({ code, details }).toMatchObject({
        code: 'INVALID_ATTRIBUTE',
        details: { attribute: 'state', value: state, from: 'RTR' },
      });
      expect(queuePair.query()).toEqual(before);
    }
  });
});

test('an attribute that no queue pair has is not allowed, whatever its name', () => {
  for (const name of ['retrycount', 'toString', 'constructor', 'context']) {
    const queuePair = madeIn('RTS', 'rc');
    const { code, details } = errorOf(() => queuePair.modify({ [name]: 1 } as object));
    expect({ code, details }).toMatchObject({ code: 'ATTRIBUTE_NOT_ALLOWED', details: { attribute: name } });
  }
});

describe('attributes go together:', () => {
  test('the path leaves by the queue pair’s port', () => {
    const path = { ...PATH, port: 2 };
    refused(madeIn('INIT', 'rc'), { ...toward('rc', 'RTR'), path }, 'path.port', 2);
    refused(madeIn('SQD', 'rc'), { path }, 'path.port', 2);
    refused(madeIn('SQD', 'rc'), { port: 2 }, 'path.port', 1);
    const queuePair = madeIn('SQD', 'rc');
    queuePair.modify({ port: 2, path });
    expect(queuePair.query()).toMatchObject({ port: 2, path });
  });

  test('an alternate path may leave by another port', () => {
    const queuePair = madeIn('INIT', 'uc');
    queuePair.modify({ ...toward('uc', 'RTR'), alternatePath: { ...OTHER_PATH, port: 2 } });
    expect(queuePair.query().alternatePath?.port).toBe(2);
  });

  test('an alternate path’s ACK timeout needs an alternate path, given now or before', () => {
    refused(madeIn('RTS', 'rc'), pick(['alternateAckTimeout']), 'alternateAckTimeout', 15);
    const queuePair = madeIn('RTS', 'rc');
    queuePair.modify(pick(['alternatePath']));
    queuePair.modify(pick(['alternateAckTimeout']));
    expect(queuePair.query()).toMatchObject({ alternateAckTimeout: 15 });
  });
});

describe('the values', () => {
  test('are those given, by and by; without a state the state stays', () => {
    const queuePair = madeIn('RTS', 'rc');
    const before = queuePair.query();
    queuePair.modify({ minRnrTimer: 9 });
    queuePair.modify({});
    queuePair.modify({ state: undefined, accessFlags: undefined });
    expect(queuePair.query()).toEqual({ ...before, minRnrTimer: 9 });
  });

  test('begin with what needs not be given, and do so again in RESET', () => {
    const defaults: Record<Transport, object> = {
      rc: { accessFlags: 0, minRnrTimer: 0 },
      uc: { accessFlags: 0 },
      ud: {},
    };
    for (const transport of ['rc', 'uc', 'ud'] as const) {
      const queuePair = madeIn('RTS', transport);
      queuePair.modify(transport === 'ud' ? { qKey: 9 } : { accessFlags: 2, alternatePath: OTHER_PATH });
      queuePair.modify({ state: 'RESET' });
      expect(queuePair.query()).toEqual({ state: 'RESET', ...defaults[transport] });
      queuePair.modify(toward(transport, 'INIT'));
      expect(queuePair.query()).toEqual({ ...defaults[transport], ...toward(transport, 'INIT') });
    }
  });

  test('are copies on the way in and on the way out', () => {
    const queuePair = madeIn('INIT', 'rc');
    const gids = (): { localGid: Uint8Array; remoteGid: Uint8Array } => ({
      localGid: new Uint8Array(16).fill(1),
      remoteGid: new Uint8Array(16).fill(2),
    });
    const given = { ...PATH, ...gids() };
    queuePair.modify({ ...toward('rc', 'RTR'), path: given, alternatePath: given });
    given.localGid.fill(7);
    given.remoteGid.fill(7);
    for (const name of ['path', 'alternatePath'] as const) {
      const expected = { ...PATH, ...gids(), flowLabel: 0, hopLimit: 64, sl: 0 };
      expect(queuePair.query()[name]).toEqual(expected);
      queuePair.query()[name]?.localGid.fill(8);
      queuePair.query()[name]?.remoteGid.fill(8);
      expect(queuePair.query()[name]).toEqual(expected);
    }
  });

  test('an error says which queue pair, what, and what it must be', () => {
    const { table } = tables();
    const queuePair = table.create({ transport: 'rc' });
    const name = `queue pair 0x${queuePair.qpn.toString(16)} (RC)`;
    const messages = [
      { state: 'RTS' },
      { state: 'INIT' },
      { mtu: 3 },
      { state: 'INIT', pKey: 0, port: VALUES.port },
    ].map((attributes) => errorOf(() => queuePair.modify(attributes as ModifyAttributes)).message);
    expect(messages).toEqual([
      `${name} cannot go from RESET to RTS`,
      `${name} needs pKey from RESET to INIT`,
      `${name} cannot have mtu set from RESET to RESET`,
      `${name} cannot have pKey 0; it must be the key of a partition`,
    ]);
  });
});
