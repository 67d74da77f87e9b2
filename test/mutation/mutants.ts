import type { Cell } from '../../src/cep/cell.js';
import { COMMANDS, INPUTS, type Input, STATE_TABLE, STATES, type State } from '../../src/cep/index.js';

/** One part of the protocol taken out. */
export interface Mutant {
  /** `STATE.input`, or `STATE.timer` for a timer that is never started. */
  readonly name: string;
  readonly change: string;
}

/** The states that begin to wait for an answer, and perhaps to count a total time. */
const ASKING: readonly State[] = ['REQ_SENT', 'REP_SENT', 'LAP_SENT', 'DREQ_SENT', 'SIDR_REQ_SENT'];
const MRA_RECEIVED: readonly State[] = ['REQ_MRA_RCVD', 'REP_MRA_RCVD', 'LAP_MRA_RCVD'];
const ENDING_UNBOUND: readonly State[] = ['DREQ_SENT', 'TIMEWAIT'];

export const cellAt = (state: State, input: Input): Cell => STATE_TABLE[state][input] as Cell;
export const isCommand = (input: Input): boolean => (COMMANDS as readonly Input[]).includes(input);

/** Every cell that does something, and every place where a timer is started. */
export const MUTANTS: readonly Mutant[] = [
  ...STATES.flatMap((state) =>
    INPUTS.flatMap((input): Mutant[] => {
      const cell = cellAt(state, input);
      if (cell.kind !== 'handle' && cell.kind !== 'duplicate') return [];
      return [{ name: `${state}.${input}`, change: changeOf(cell, input) }];
    }),
  ),
  ...ASKING.flatMap((state) => [
    { name: `${state}.firstWait`, change: 'nothing waits for the answer to the first transmission' },
    { name: `${state}.totalTime`, change: 'the total time never ends' },
  ]),
  ...[...ASKING, ...MRA_RECEIVED].map((state) => ({
    name: `${state}.nextWait`,
    change: 'nothing waits for the answer to what is sent again there',
  })),
  ...MRA_RECEIVED.map((state) => ({ name: `${state}.longerWait`, change: 'nothing waits after an MRA' })),
  { name: 'TIMEWAIT.timewait', change: 'timewait never ends' },
  ...ENDING_UNBOUND.map((state) => ({ name: `${state}.unboundLimit`, change: 'no limit without an owner' })),
];

function changeOf(cell: Cell, input: Input): string {
  if (cell.kind === 'duplicate') return 'is counted, and not answered';
  return isCommand(input) ? 'does nothing' : 'is dropped';
}
