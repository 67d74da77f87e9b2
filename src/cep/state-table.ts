import type { StateTable } from './cell.js';
import { ENDING, ESTABLISHED, RESOLVING } from './rows-established.js';
import { ESTABLISHING } from './rows-establishing.js';

/**
 * What every input does in every state: the whole protocol at one glance (IBTA 12.9.7; where Linux and WinOF differ, see
 * docs/decisions). A message that a row drops as *unexpected* belongs to no exchange that the state knows.
 */
export const STATE_TABLE: StateTable = { ...ESTABLISHING, ...ESTABLISHED, ...ENDING, ...RESOLVING };
