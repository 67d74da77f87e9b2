import type { LiveSide, SideNumber } from './live-side.js';
import type { MessageTable } from './message-table.js';
import { ExploreError } from './violation.js';

/** More steps than any end takes. */
const STEPS_MOST = 1_000;

/**
 * Both consumers go away, and everything that is still owed runs out, in one order: what lies on the way first, then timers.
 * @returns what is wrong with what is left over.
 */
export function closeAll(sides: readonly [LiveSide, LiveSide], messages: MessageTable): ExploreError | undefined {
  const wire: number[] = [...sides[0].close(), ...sides[1].close()];
  const send = (sent: readonly number[]): number => wire.push(...sent);
  for (let step = 0; step < STEPS_MOST; step += 1) {
    const message = wire.shift();
    const timed = sides.find((side) => side.hasTimer);
    if (message !== undefined) send(receiverOf(sides, messages, message).replay({ kind: 'message', message }));
    else if (timed !== undefined) send(timed.replay({ kind: 'timer' }));
    else return leftovers(sides[0], 'left') ?? leftovers(sides[1], 'right');
  }
  return new ExploreError('liveness', 'after the owners are closed it goes on and on');
}

function receiverOf(sides: readonly [LiveSide, LiveSide], messages: MessageTable, message: number): LiveSide {
  return sides[messages.receiver(message) as SideNumber];
}

function leftovers({ manager, participant }: LiveSide, name: string): ExploreError | undefined {
  const held = Object.entries(manager.usage()).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
  const left = [...held, ...participant.leftovers()];
  return left.length === 0 ? undefined : new ExploreError('leftover', `on the ${name} side ${left.join(', ')}`);
}
