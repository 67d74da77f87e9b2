import type { Scenario } from '../scenario.js';
import { ASKING_TIME } from './asking-time.js';
import { CONNECTING } from './connecting.js';
import { DATA } from './data.js';
import { DISTURBING } from './disturbing.js';
import { ENDING } from './ending.js';
import { KILLING } from './killing.js';
import { LOSING } from './losing.js';
import { MANY } from './many.js';
import { PERFTEST } from './perftest.js';
import { PINGPONG } from './pingpong.js';
import { PROGRAMS } from './programs.js';
import { QPERF } from './qperf.js';
import { QUEUE_PAIRS } from './queue-pairs.js';
import { REFUSING } from './refusing.js';
import { REFUSING_DATA } from './refusing-data.js';
import { RESOLVING } from './resolving.js';
import { RSTREAM } from './rstream.js';

/** All of them, the main ones first, those that reboot last. */
export const SCENARIOS: readonly Scenario[] = [
  ...CONNECTING,
  ...REFUSING,
  ...ASKING_TIME,
  ...ENDING,
  ...RESOLVING,
  ...PROGRAMS,
  ...DATA,
  ...PINGPONG,
  ...QUEUE_PAIRS,
  ...PERFTEST,
  ...QPERF,
  ...RSTREAM,
  ...REFUSING_DATA,
  ...LOSING,
  ...DISTURBING,
  ...MANY,
  ...KILLING,
];
