import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import type { MessageName } from '../../src/wire/index.js';
import { Pair, type Side } from './pair.js';

/** Messages that are not from the peer of the connection they name. They change nothing, and are counted. */

type Ids = { readonly localCommId: number; readonly remoteCommId: number };

interface Target {
  readonly pair: Pair;
  readonly side: Side;
  readonly cid: Cid;
  /** The comm IDs as the peer writes them: its own first. */
  readonly ids: Ids;
  /** Our queue pair. */
  readonly qpn: number;
}

const swap = ({ localCommId, remoteCommId }: Ids): Ids => ({ localCommId: remoteCommId, remoteCommId: localCommId });

function established(name: 'client' | 'server'): Target {
  const pair = new Pair();
  pair.listen();
  const { [name]: cid } = pair.established();
  const { localCommId, remoteCommId } = pair.first('REP').mad.fields;
  const ids = { localCommId, remoteCommId };
  return name === 'client'
    ? { pair, side: pair.client, cid, ids, qpn: 0x100 }
    : { pair, side: pair.server, cid, ids: swap(ids), qpn: 0x200 };
}

function requested(): Target {
  const pair = new Pair();
  pair.listen();
  const { client, server } = pair.requested();
  pair.server.owner.sendMra(server, {}, pair.now);
  const mra = pair.take();
  const { localCommId, remoteCommId } = mra.mad.fields as Ids;
  return { pair, side: pair.client, cid: client, ids: { localCommId, remoteCommId }, qpn: 0x100 };
}

function replied(): Target {
  const pair = new Pair();
  pair.listen();
  const { server } = pair.replied();
  const { localCommId, remoteCommId } = pair.first('REP').mad.fields;
  return { pair, side: pair.server, cid: server, ids: swap({ localCommId, remoteCommId }), qpn: 0x200 };
}

/** Injects a message and expects that it has no effect but to be counted under `reason`. */
function expectDropped(target: Target, message: MessageName, fields: object, reason: string, from?: Uint8Array): void {
  const { pair, side, cid } = target;
  const before = { usage: side.manager.usage(), state: side.owner.state(cid), drops: side.drops() };
  pair.inject(side, pair.forge(message, fields), from ?? pair.other(side).gid);
  expect(pair.onWire()).toEqual([]);
  expect(side.events()).toEqual([]);
  expect(side.owner.state(cid)).toBe(before.state);
  expect(side.manager.usage()).toEqual(before.usage);
  expect(side.drops()).toEqual({ ...before.drops, [reason]: (before.drops[reason] ?? 0) + 1 });
}

const STRANGER = new Uint8Array(16).fill(0xee);
/** What each message needs besides its IDs to be acted on, were it genuine. */
const EFFECTIVE: readonly [MessageName, () => Target, (target: Target) => object][] = [
  ['REP', requested, () => ({ localQpn: 0x200, localCaGuid: 0x2222n })],
  ['MRA', requested, () => ({ messageMraed: 0, serviceTimeout: 20 })],
  ['REJ', requested, () => ({ messageRejected: 0, reason: 28 })],
  ['RTU', replied, () => ({})],
  ['MRA', replied, () => ({ messageMraed: 1, serviceTimeout: 20 })],
  ['REJ', replied, () => ({ messageRejected: 1, reason: 28 })],
  ['DREQ', replied, ({ qpn }) => ({ remoteQpnEecn: qpn })],
  ['DREQ', () => established('client'), ({ qpn }) => ({ remoteQpnEecn: qpn })],
  ['DREQ', () => established('server'), ({ qpn }) => ({ remoteQpnEecn: qpn })],
  ['REJ', () => established('client'), () => ({ messageRejected: 2, reason: 28 })],
];

describe.each(EFFECTIVE)('a %s', (message, reach, fieldsOf) => {
  test('from another address is dropped', () => {
    const target = reach();
    expectDropped(target, message, { ...target.ids, ...fieldsOf(target) }, 'wrongAddress', STRANGER);
  });

  test('to another address of ours is dropped', () => {
    const target = reach();
    const { pair, side, ids } = target;
    const state = side.owner.state(target.cid);
    const bytes = pair.forge(message, { ...ids, ...fieldsOf(target) });
    pair.inject(side, bytes, pair.other(side).gid, STRANGER);
    expect(side.drops()).toEqual({ wrongAddress: 1 });
    expect(side.owner.state(target.cid)).toBe(state);
  });

  test('that comes in on another port is dropped', () => {
    const target = reach();
    const { pair, side, ids } = target;
    const state = side.owner.state(target.cid);
    const bytes = pair.forge(message, { ...ids, ...fieldsOf(target) });
    const from = { port: 2, localGid: side.gid, remoteGid: pair.other(side).gid, trafficClass: 0, sourcePort: 0 };
    side.manager.handleMad(bytes, 0, bytes.length, from, pair.now);
    expect(side.drops()).toEqual({ wrongAddress: 1 });
    expect(side.owner.state(target.cid)).toBe(state);
  });

  test('whose remote comm ID nothing has is not for us', () => {
    const target = reach();
    const { pair, side, ids, cid } = target;
    const state = side.owner.state(cid);
    const fields = { ...ids, remoteCommId: ids.remoteCommId ^ 1, ...fieldsOf(target) };
    pair.inject(side, pair.forge(message, fields), pair.other(side).gid);
    // DREQ and REP are answered, so that the peer can clear what it has.
    if (message === 'DREQ') expect(pair.loseAll()).toEqual(['DREP']);
    else if (message === 'REP') expect(pair.loseAll()).toEqual(['REJ']);
    else expect(side.drops()).toEqual({ unknownCommId: 1 });
    expect(side.owner.state(cid)).toBe(state);
    expect(side.events()).toEqual([]);
  });

  test('genuine, has an effect: the others were dropped for what was wrong with them', () => {
    const target = reach();
    const { pair, side, ids, cid } = target;
    const state = side.owner.state(cid);
    pair.inject(side, pair.forge(message, { ...ids, ...fieldsOf(target) }), pair.other(side).gid);
    expect(side.owner.state(cid)).not.toBe(state);
    expect(side.drops()).toEqual({});
  });
});

describe.each(EFFECTIVE.filter(([, reach]) => reach !== requested))(
  'a %s once the peer is known',
  (message, reach, fieldsOf) => {
    test('with another comm ID of its sender is dropped', () => {
      const target = reach();
      const localCommId = target.ids.localCommId ^ 1;
      expectDropped(target, message, { ...target.ids, localCommId, ...fieldsOf(target) }, 'wrongCommId');
    });
  },
);

test('a DREQ that names another queue pair than ours is dropped', () => {
  for (const target of [established('client'), established('server'), replied()]) {
    const peers = target.qpn ^ 0x300;
    for (const remoteQpnEecn of [0, peers, target.qpn + 1]) {
      expectDropped(target, 'DREQ', { ...target.ids, remoteQpnEecn }, 'wrongQpn');
    }
  }
});

test('a REJ that says it answers our REQ is dropped once there is a REP', () => {
  expectDropped(replied(), 'REJ', { ...replied().ids, messageRejected: 0, reason: 28 }, 'wrongMessage');
  expectDropped(
    established('client'),
    'REJ',
    { ...established('client').ids, messageRejected: 0, reason: 28 },
    'wrongMessage',
  );
});

describe('a REJ for a timeout', () => {
  const guid = (low: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, low, low);

  test('finds its connection by its sender, if that never learnt our comm ID', () => {
    for (const target of [replied(), established('server')]) {
      const { pair, side, ids, cid } = target;
      const fields = {
        localCommId: ids.localCommId,
        remoteCommId: 0,
        messageRejected: 2,
        reason: 4,
        rejectInfoLength: 8,
        additionalRejectInformation: guid(0x11),
      };
      pair.inject(side, pair.forge('REJ', fields), pair.client.gid);
      expect(side.onlyEvent()).toMatchObject({ type: 'rej_received', cid });
    }
  });

  test('of another adapter, from another address, without a GUID or of another comm ID is not for us', () => {
    const target = replied();
    const fields = {
      localCommId: target.ids.localCommId,
      remoteCommId: 0,
      messageRejected: 2,
      reason: 4,
      rejectInfoLength: 8,
      additionalRejectInformation: guid(0x11),
    };
    expectDropped(target, 'REJ', { ...fields, additionalRejectInformation: guid(0x12) }, 'unknownCommId');
    expectDropped(target, 'REJ', { ...fields, rejectInfoLength: 0 }, 'unknownCommId');
    expectDropped(target, 'REJ', { ...fields, localCommId: fields.localCommId ^ 1 }, 'unknownCommId');
    expectDropped(target, 'REJ', { ...fields, reason: 28 }, 'unknownCommId');
    expectDropped(target, 'REJ', fields, 'unknownCommId', STRANGER);
  });
});

describe('what means nothing', () => {
  test('because it is no CM message, is counted as malformed and touches nothing', () => {
    const { pair, side, cid, ids } = established('server');
    const rej = pair.forge('REJ', { ...ids, messageRejected: 2, reason: 28 });
    const from = { port: 1, localGid: side.gid, remoteGid: pair.client.gid, trafficClass: 0, sourcePort: 0 };
    side.manager.handleMad(rej, 0, 255, from, pair.now);
    side.manager.handleMad(rej.slice(0, 100), 0, 100, from, pair.now);
    side.manager.handleMad(new Uint8Array(300), 0, 300, from, pair.now);
    for (const byte of [0, 1, 2, 3, 16, 17]) {
      const broken = rej.slice();
      broken[byte] = 0xff;
      pair.inject(side, broken, pair.client.gid);
    }
    expect(side.drops()).toEqual({ malformed: 9 });
    expect(side.owner.state(cid)).toBe('ESTABLISHED');
  });

  test('because nobody waits for it, is dropped: a LAP at the active side, an APR, a SIDR_REP', () => {
    const target = established('client');
    expectDropped(target, 'LAP', { ...target.ids, remoteQpnEecn: target.qpn }, 'unexpected');
    expectDropped(target, 'LAP', { ...target.ids, remoteQpnEecn: 5 }, 'wrongQpn');
    expectDropped(target, 'APR', { ...target.ids }, 'unexpected');
    expectDropped(target, 'SIDR_REP', { requestId: target.ids.remoteCommId }, 'unexpected');
    expectDropped(target, 'SIDR_REP', { requestId: target.ids.remoteCommId }, 'wrongAddress', STRANGER);
    expectDropped(target, 'SIDR_REP', { requestId: 0 }, 'unknownCommId');
  });
});
