import type { Scenario } from '../scenario.js';
import { CONNECTING } from './connecting.js';
import { ENDING } from './ending.js';
import { KILLING } from './killing.js';
import { LOSING } from './losing.js';
import { MANY } from './many.js';
import { RESOLVING } from './resolving.js';

/** All of them, the main ones first, those that reboot last. */
export const SCENARIOS: readonly Scenario[] = [...CONNECTING, ...ENDING, ...RESOLVING, ...LOSING, ...MANY, ...KILLING];
