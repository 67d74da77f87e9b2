import { equal } from 'node:assert/strict';
import type { MessageName } from 'ibcm/wire';
import type { Direction } from '../faulty-port.js';
import { closed, QUICK, type Scenario } from '../scenario.js';
import type { Role, Stage } from '../stage.js';

/** A message of a connection that is made and ended, and who ends it. */
export interface Disturbed {
  readonly message: MessageName;
  readonly linux: Role;
  readonly disconnecter: 'we' | 'Linux';
}

/** Each of the five messages in both directions. */
export const MESSAGES: readonly Disturbed[] = (['client', 'server'] as const).flatMap((linux) => [
  { message: 'REQ' as const, linux, disconnecter: 'Linux' as const },
  { message: 'REP' as const, linux, disconnecter: 'Linux' as const },
  { message: 'RTU' as const, linux, disconnecter: 'Linux' as const },
  { message: 'DREQ' as const, linux, disconnecter: 'Linux' as const },
  { message: 'DREP' as const, linux, disconnecter: 'Linux' as const },
  { message: 'DREQ' as const, linux, disconnecter: 'we' as const },
  { message: 'DREP' as const, linux, disconnecter: 'we' as const },
]);

/** Which way a message goes. */
function directionOf({ message, linux, disconnecter }: Disturbed): Direction {
  switch (message) {
    case 'REP':
      return linux === 'client' ? 'out' : 'in';
    case 'DREQ':
      return disconnecter === 'we' ? 'out' : 'in';
    case 'DREP':
      return disconnecter === 'we' ? 'in' : 'out';
    default:
      return linux === 'client' ? 'in' : 'out';
  }
}

/** Whether it is a message that only Linux' own timer makes up for. */
export const isLinuxSlow = ({ message, linux, disconnecter }: Disturbed): boolean =>
  linux === 'client' && (message === 'REQ' || (disconnecter === 'Linux' && (message === 'DREQ' || message === 'DREP')));

interface Disturbance {
  /** What happens to the message, in words. */
  readonly what: string;
  readonly disturb: (stage: Stage, direction: Direction, message: MessageName) => void;
  /** How long the connection stands before Linux ends it, at least. */
  readonly holdMs?: number;
  /** What must be true when all is over. */
  readonly check?: (stage: Stage, direction: Direction, message: MessageName) => Promise<void> | void;
  readonly more?: Partial<Scenario>;
}

/** A whole connection with one message disturbed: everything must end well all the same. */
export function survives(disturbed: Disturbed, { what, disturb, holdMs = 300, check, more }: Disturbance): Scenario {
  const { message, linux, disconnecter } = disturbed;
  const direction = directionOf(disturbed);
  return {
    name: `${direction === 'in' ? "Linux'" : 'our'} ${message} ${what}`,
    linux,
    ...more,
    async run(stage) {
      disturb(stage, direction, message);
      // Late enough for a lost RTU to be made up for.
      const waitMs = message === 'RTU' ? Math.max(3_000, holdMs) : holdMs;
      const options = disconnecter === 'Linux' ? `--disconnect-after ${waitMs}` : '';
      const accepting = linux === 'client' ? stage.accept(QUICK) : undefined;
      const program = linux === 'client' ? stage.linuxConnects(options) : await stage.linuxListens(options);
      const connection = await (accepting ?? stage.connect(QUICK));
      // Linux' part is over when its RTU has come, or ours.
      await program.event(linux === 'client' ? 'CONNECT_RESPONSE' : 'ESTABLISHED');
      const ended = disconnecter === 'we' ? await connection.disconnect(QUICK) : await closed(connection);
      equal(ended, disconnecter === 'we' ? 'disconnected' : 'peer');
      equal((await program.event('DISCONNECTED')).status, 0);
      equal((await program.finished).status, 0);
      await check?.(stage, direction, message);
    },
  };
}
