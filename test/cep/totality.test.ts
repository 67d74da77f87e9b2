import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import {
  type CepOwner,
  COMMANDS,
  type Command,
  DROP_REASONS,
  MESSAGE_INPUTS,
  STATE_TABLE,
  STATES,
  type State,
} from '../../src/cep/index.js';
import type { MessageName } from '../../src/wire/index.js';
import { detour, type Pair, SERVICE, type Side } from './pair.js';
import { type Identity, identify, type Reached, reach, WAY_NAMES } from './reach.js';

/**
 * Every input in every state that can be reached, and in every way that makes a difference: what happens is what the cell's
 * kind says, and nothing is left over. What exactly each handled input does is told by the other tests of this folder.
 */

type Call = (owner: CepOwner, cid: Cid, pair: Pair) => void;
const CALLS: Record<Command, Call> = {
  listen: (owner, cid, pair) =>
    owner.listen(cid, { serviceId: (SERVICE + 1n) as typeof SERVICE, backlog: 1 }, pair.now),
  cancelListen: (owner, cid, pair) => owner.cancelListen(cid, pair.now),
  sendReq: (owner, cid, pair) => owner.sendReq(cid, pair.request({ qpn: 0x900 }), pair.now),
  sendRep: (owner, cid, pair) => owner.sendRep(cid, { qpn: 0x901, startingPsn: 0 }, pair.now),
  sendRtu: (owner, cid, pair) => owner.sendRtu(cid, { privateData: Uint8Array.of(1) }, pair.now),
  sendRej: (owner, cid, pair) => owner.sendRej(cid, { reason: 28 }, pair.now),
  sendMra: (owner, cid, pair) => owner.sendMra(cid, {}, pair.now),
  sendDreq: (owner, cid, pair) => owner.sendDreq(cid, { privateData: Uint8Array.of(1) }, pair.now),
  sendDrep: (owner, cid, pair) => owner.sendDrep(cid, { privateData: Uint8Array.of(1) }, pair.now),
  formatReq: (owner, cid, pair) => owner.formatReq(cid, pair.request({ qpn: 0x902 }), pair.now),
  formatRep: (owner, cid, pair) => owner.formatRep(cid, { qpn: 0x903, startingPsn: 0 }, pair.now),
  formatApr: (owner, cid, pair) => owner.formatApr(cid, { status: 3 }, pair.now),
  sendFormatted: (owner, cid, pair) => owner.sendFormatted(cid, pair.now),
  sendLap: (owner, cid, pair) => owner.sendLap(cid, { path: detour(pair) }, pair.now),
  sendApr: (owner, cid, pair) => owner.sendApr(cid, {}, pair.now),
  sendSidrReq: (owner, cid, pair) =>
    owner.sendSidrReq(cid, { path: pair.request().path, serviceId: SERVICE }, pair.now),
  sendSidrRep: (owner, cid, pair) => owner.sendSidrRep(cid, { qpn: 0x904 }, pair.now),
  migrate: (owner, cid, pair) => owner.migrate(cid, pair.now),
  getQpAttr: (owner, cid, pair) => owner.getQpAttr(cid, 'INIT', pair.now),
  established: (owner, cid, pair) => owner.established(cid, pair.now),
  destroy: (owner, cid, pair) => owner.destroy(cid, pair.now),
};

/** Where a call depends on more than the state. */
function isRefused(name: string, command: Command): boolean {
  if (command === 'sendLap') return name.startsWith('ESTABLISHED, passive');
  return command === 'migrate' && /^ESTABLISHED, \w+$/.test(name);
}

interface Snapshot {
  readonly usage: ReturnType<Side['manager']['usage']>;
  readonly drops: Record<string, number>;
  readonly duplicates: number;
}

function snapshot({ side }: Reached): Snapshot {
  const { duplicates } = side.manager.counters;
  return {
    usage: side.manager.usage(),
    drops: side.drops(),
    duplicates: Object.values(duplicates).reduce((sum, count) => sum + count, 0),
  };
}

/** The CEP's state, or that it is gone. An unbound CEP shows itself by what the manager holds. */
function stateOf({ side, cid }: Reached, before: Snapshot): string {
  try {
    return side.owner.state(cid);
  } catch {
    const { ceps, remoteQpns, timers } = side.manager.usage();
    if (ceps < before.usage.ceps) return 'DESTROYED';
    return remoteQpns > 0 && timers > 0 ? 'DREQ_SENT' : 'TIMEWAIT';
  }
}

function expectUnchanged(reached: Reached, before: Snapshot): void {
  reached.side.transmits();
  expect(stateOf(reached, before)).toBe(reached.state);
  expect(reached.side.manager.usage()).toEqual(before.usage);
  expect(reached.side.events()).toEqual([]);
}

function expectNothingLeft({ pair }: Reached): void {
  expect(pair.leftovers()).toEqual([{}, {}]);
}

function expectHandled(reached: Reached, before: Snapshot, to: readonly string[]): void {
  expect(to).toContain(stateOf(reached, before));
}

describe.each(WAY_NAMES)('%s', (name) => {
  const { state } = reach(name);
  const row = STATE_TABLE[state];

  // Whoever has destroyed a CEP cannot name it any more.
  for (const command of name.includes('unbound') ? [] : COMMANDS) {
    const call = CALLS[command];
    const cell = row[command];
    const kind = isRefused(name, command) ? 'illegal' : cell.kind;
    test(`${command} is ${kind}`, () => {
      const reached = reach(name);
      const { pair, side, cid } = reached;
      const before = snapshot(reached);
      if (cell.kind === 'illegal' || kind === 'illegal') {
        expect(() => call(side.owner, cid, pair)).toThrow(
          expect.objectContaining({ code: 'INVALID_STATE', details: { call: command, state } }),
        );
        expect(pair.onWire()).toEqual([]);
        expectUnchanged(reached, before);
      } else {
        call(side.owner, cid, pair);
        expectHandled(reached, before, cell.to);
      }
      expectNothingLeft(reached);
    });
  }

  for (const input of MESSAGE_INPUTS) {
    const cell = row[input];
    for (const [variant, bytes] of messages(name, input)) {
      test(`${input} ${variant} is ${cell.kind}`, () => {
        const reached = reach(name);
        const { pair, side } = reached;
        const before = snapshot(reached);
        pair.inject(side, bytes, pair.other(side).gid);
        if (cell.kind === 'handle') {
          expectHandled(reached, before, cell.to);
        } else if (cell.kind === 'duplicate') {
          expect(pair.loseAll()).toHaveLength(1);
          expect(snapshot(reached).duplicates).toBe(before.duplicates + 1);
          expectUnchanged(reached, before);
        } else {
          expect(pair.onWire()).toEqual([]);
          const count = before.drops[cell.reason] ?? 0;
          expect(side.drops()).toEqual({ ...before.drops, [cell.reason]: count + 1 });
          expect(Object.keys(DROP_REASONS)).toContain(cell.reason);
          expectUnchanged(reached, before);
        }
        expectNothingLeft(reached);
      });
    }
  }

  test(`a newcomer from the peer's queue pair is ${row.stale.kind}`, () => {
    const reached = reach(name);
    const { pair, side } = reached;
    const before = snapshot(reached);
    const identity = identify(name);
    const newcomer = req(pair, side, identity, 0x3333_3333, identity.remoteQpn);
    if (row.stale.kind === 'illegal') {
      // No queue pair of the peer is held here, so that the newcomer is a stranger.
      expect(before.usage.remoteQpns).toBe(0);
      return;
    }
    pair.inject(side, newcomer, pair.other(side).gid);
    expect(pair.onWire()[0]).toBe('REJ');
    if (row.stale.kind === 'handle') expectHandled(reached, before, row.stale.to);
    else expectUnchanged(reached, before);
    expectNothingLeft(reached);
  });

  test(`time-out is ${row.timeout.kind}, deadline is ${row.deadline.kind}`, () => {
    const reached = reach(name);
    const { pair, side } = reached;
    const timers = (row.timeout.kind === 'handle' ? 1 : 0) + (row.deadline.kind === 'handle' ? 1 : 0);
    expect(side.manager.usage().timers).toBe(timers);
    const before = snapshot(reached);
    const start = pair.now;
    if (row.timeout.kind === 'handle') {
      while (pair.onWire().length === 0 && stateOf(reached, before) === state && pair.advance());
      expect(pair.now).toBeGreaterThan(start);
      expectHandled(reached, before, row.timeout.to);
      pair.loseAll();
    }
    if (row.deadline.kind === 'handle') {
      const waiting = row.timeout.kind === 'handle' ? [state, ...row.timeout.to.slice(0, 1)] : [state];
      while (waiting.includes(stateOf(reached, before) as State) && pair.advance()) pair.loseAll();
      expectHandled(reached, before, row.deadline.to);
      expect(pair.now - start).toBeLessThan(12_001_000);
    }
    expectNothingLeft(reached);
  });
});

function req(pair: Pair, side: Side, { peerGuid }: Identity, localCommId: number, localQpn: number): Uint8Array {
  const path = { localGid: pair.other(side).gid, remoteGid: side.gid, localAckTimeout: 17 };
  return pair.forge('REQ', { localCommId, localQpn, localCaGuid: peerGuid, serviceId: SERVICE, primaryPath: path });
}

/** The message as the CEP's peer would send it, in the variants that a handler looks at. None if no message can reach it. */
function messages(name: string, input: (typeof MESSAGE_INPUTS)[number]): [string, Uint8Array][] {
  const identity = identify(name);
  const { pair, side, state } = reach(name);
  const { local, remote, learnt, localQpn, peerGuid } = identity;
  if (input === 'sidrReq') {
    const fields = { requestId: remote, serviceId: SERVICE };
    return state === 'SIDR_REQ_RCVD' ? [['repeated', pair.forge('SIDR_REQ', fields)]] : [];
  }
  if (local === 0) return [];
  const ids = { localCommId: learnt ? remote : 0x7777, remoteCommId: local };
  const forge = (message: MessageName, fields: object = {}): Uint8Array => pair.forge(message, { ...ids, ...fields });
  switch (input) {
    case 'req':
      if (learnt) return [['repeated', req(pair, side, identity, remote, identity.remoteQpn)]];
      if (!name.includes('peer to peer')) return [];
      return [
        ['of a peer that stays active', req(pair, side, identity, 0x7777, 0x200)],
        ['of a peer that gives way', req(pair, side, { ...identity, peerGuid: 1n }, 0x7777, 0x200)],
      ];
    case 'mra':
      return [0, 1, 2].map((messageMraed) => [
        `of ${messageMraed}`,
        forge('MRA', { messageMraed, serviceTimeout: 20 }),
      ]);
    case 'rej':
      // Whoever knows its peer drops a REJ to its REQ before it looks at its state.
      return [...(learnt ? [] : [0]), 1, 2].flatMap((messageRejected) =>
        [28, 10, 8, 4].map((reason): [string, Uint8Array] => [
          `to ${messageRejected} for ${reason}`,
          forge('REJ', { messageRejected, reason }),
        ]),
      );
    case 'rep':
      // A REP cannot come to the side that sends it; there it is not the duplicate of anything.
      if (state === 'ESTABLISHED' && !identity.isActive) return [];
      return [['', forge('REP', { localQpn: identity.remoteQpn || 0x200, localCaGuid: peerGuid, targetAckDelay: 15 })]];
    case 'dreq':
      return [['', forge('DREQ', { remoteQpnEecn: localQpn })]];
    case 'lap':
      return [['', forge('LAP', { remoteQpnEecn: localQpn, alternatePath: { localAckTimeout: 17 } })]];
    case 'apr':
      return [0, 3].map((apStatus) => [`with status ${apStatus}`, forge('APR', { apStatus })]);
    case 'sidrRep':
      return [['', pair.forge('SIDR_REP', { requestId: local })]];
    case 'rtu':
      return [['', forge('RTU')]];
    case 'drep':
      return [['', forge('DREP')]];
  }
}

test('every state has been put to the test', () => {
  expect(new Set(WAY_NAMES.map((name) => reach(name).state))).toEqual(new Set(STATES));
});
