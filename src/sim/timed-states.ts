import { STATES, type State } from '../cep/index.js';

/** The states that wait for an answer: a timer runs, and the consumer's total time may. Told here independently of the CM. */
const AWAITING: ReadonlySet<State> = new Set<State>([
  'REQ_SENT',
  'REQ_MRA_RCVD',
  'REP_SENT',
  'REP_MRA_RCVD',
  'LAP_SENT',
  'LAP_MRA_RCVD',
  'DREQ_SENT',
  'SIDR_REQ_SENT',
]);

/** By state number: whether an answer is awaited. */
export const AWAITS: readonly boolean[] = STATES.map((state) => AWAITING.has(state));
/** By state number: whether a timer runs. */
export const TIMED: readonly boolean[] = STATES.map((state) => state === 'TIMEWAIT' || AWAITING.has(state));
