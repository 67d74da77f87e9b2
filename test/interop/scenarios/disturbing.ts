import { equal, ok } from 'node:assert/strict';
import type { MessageName } from 'ibcm/wire';
import type { Direction } from '../faulty-port.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { isLinuxSlow, MESSAGES, survives } from './whole-connection.js';

/** Longer than Linux waits before it repeats a message by its own times: 4.8 s (6.12) or 6.3 s (6.1). */
const LINUX_LATE_MS = 8_000;
/** Longer than we wait, and Linux by our times. */
const LATE_MS = 2_500;

const TWICE = MESSAGES.map((each) =>
  survives(each, {
    what: 'comes twice',
    disturb: ({ us }, direction, message) => us.port.duplicate(direction, message),
    more: { inSubset: true },
  }),
);

/** What comes late comes after its repetition, and for a message at the end, after the end. */
const LATE = MESSAGES.map((each) => {
  const lateMs = isLinuxSlow(each) ? LINUX_LATE_MS : LATE_MS;
  return survives(each, {
    what: 'comes late, after its repetition',
    disturb: ({ us }, direction, message) => us.port.delay(direction, message, lateMs),
    holdMs: lateMs + 1_500,
    check: async (stage, direction, message) => {
      await stage.us.port.allArrived();
      repeated(stage, direction, message);
    },
    more: { patient: true },
  });
});

/** Whoever gets it drops it; it is sent again. */
const DAMAGED = MESSAGES.map((each) =>
  survives(each, {
    what: 'is damaged once (wrong ICRC)',
    disturb: ({ us }, direction, message) => us.port.corrupt(direction, message),
    check: (stage, direction, message) => {
      const { damaged, damagedForUs, sent } = stage.us.port;
      equal(damaged + damagedForUs, 1);
      if (direction === 'in') repeated(stage, direction, message);
      else ok((sent[message] ?? 0) > 0, `${message} should have been sent again`);
    },
    more: { patient: isLinuxSlow(each) },
  }),
);

function repeated({ us }: Stage, direction: Direction, message: MessageName): void {
  const count = (direction === 'in' ? us.port.received : us.port.sent)[message] ?? 0;
  ok(count > 1, `${message} passed ${count} times, and should have been repeated`);
}

/** Messages that come twice, late, or damaged. */
export const DISTURBING: readonly Scenario[] = [...TWICE, ...LATE, ...DAMAGED];
