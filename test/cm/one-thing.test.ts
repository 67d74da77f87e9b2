import { describe, expect, test } from 'vitest';
import type { MessageName } from '../../src/wire/index.js';
import { CALL_NAMES, CALLS, type CallName } from './calls.js';
import { NOTHING_LEFT } from './cm-pair.js';
import { situation, WAY_NAMES } from './states.js';

/** What each call sends, said by hand; those not named send nothing. Destroying sends what its state demands: see the misuse tests. */
const SENDS: Readonly<Partial<Record<CallName, MessageName>>> = {
  sendReq: 'REQ',
  sendRep: 'REP',
  sendFormattedRep: 'REP',
  sendRtu: 'RTU',
  sendDreq: 'DREQ',
  sendDrep: 'DREP',
  sendRej: 'REJ',
  sendMra: 'MRA',
  sendLap: 'LAP',
  sendApr: 'APR',
  sendSidrReq: 'SIDR_REQ',
  sendSidrRep: 'SIDR_REP',
};

describe.each(CALL_NAMES.filter((name) => name !== 'destroyId'))('R17: %s does one thing', (name) => {
  test('it sends the message of its name, or nothing; only bind touches a slot, and none makes or ends an ID', () => {
    let valid = 0;
    for (const way of WAY_NAMES) {
      const { pair, side, id } = situation(way);
      const before = side.cm.size;
      try {
        CALLS[name].make(side, id, pair);
      } catch {
        continue;
      }
      valid += 1;
      expect(pair.pair.onWire(), way).toEqual(SENDS[name] === undefined ? [] : [SENDS[name]]);
      expect(side.side.manager.usage().cidSlots, way).toBe(name === 'bind' ? 1 : 0);
      expect([side.cm.size, id.destroyed], way).toEqual([before, false]);
      expect(pair.leftovers()).toEqual(NOTHING_LEFT);
    }
    expect(valid).toBeGreaterThan(0);
  });
});
