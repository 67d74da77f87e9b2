import { type Duration, microseconds, type SeededRandom } from '../base/index.js';
import type { TimingPolicy } from '../cep/index.js';
import { below, between, chance, oneOf } from './streams.js';

/** How a consumer takes a request: the passive one a REQ, LAP or SIDR_REQ, the active one a REP. MRA: it asks for time first. Late: it lets the peer wait. */
export type Answer = 'accept' | 'acceptLate' | 'acceptAfterMra' | 'reject' | 'destroy';
/** How a consumer ends an established connection: it may also leave that to the other side. */
export type End = 'disconnect' | 'destroy' | 'wait';

/** One side's part in an attempt. Times are in microseconds. */
export interface Part {
  readonly owner: number;
  /** Which of the adapter's queue pairs to use, as a share of all of them. */
  readonly qpn: number;
  readonly psn: number;
  readonly answer: Answer;
  readonly answerAfter: number;
  /** How long REQ, REP and APR are kept after they were made, before they are sent; 0: they are sent at once. */
  readonly preparesFor: number;
  /** How it takes a proposed alternate path. */
  readonly answerPath: Answer;
  readonly end: End;
  readonly hold: number;
  /** How a DREQ is answered. */
  readonly onDisconnect: 'answer' | 'answerLate' | 'destroy';
  /** Destroys its CEP so long after it came into being, whatever goes on then; 0: never. */
  readonly destroyAfter: number;
  /** Does not wait for timewait to end before it destroys the CEP. */
  readonly leavesAtTimewait: boolean;
  /** Keeps the CEP, in IDLE, until the end of the run. */
  readonly lingers: boolean;
  readonly timing: TimingPolicy | undefined;
}

const MS = 1_000;
/** No script gives up before this. */
export const SHORTEST_WAIT_US = 1_000;
/** Waits are shortened by this share at most. */
const MOST_JITTER = 0.5;
/** Shares of what consumers do; the most ordinary thing most often. */
const ANSWERS: readonly Answer[] = [
  'accept',
  'accept',
  'accept',
  'accept',
  'accept',
  'accept',
  'acceptLate',
  'acceptAfterMra',
  'reject',
  'destroy',
];
const PATH_ANSWERS: readonly Answer[] = ['accept', 'accept', 'accept', 'acceptLate', 'acceptAfterMra', 'reject'];
const ENDS: readonly End[] = ['disconnect', 'disconnect', 'disconnect', 'destroy', 'wait', 'wait'];
const ON_DISCONNECT = ['answer', 'answer', 'answer', 'answerLate', 'destroy'] as const;
const HAS_POLICY = 0.15;

/** @param acceptance the share of those that accept at once, whatever else would be drawn. */
export function drawPart(random: SeededRandom, owners: number, acceptance: number): Part {
  const owner = below(random, owners);
  const qpn = between(random, 0, 1);
  const psn = random.uint32() >>> 8;
  const unusual = oneOf(random, ANSWERS);
  const answer = chance(random, acceptance) ? 'accept' : unusual;
  const answerAfter = between(random, 0, 400 * MS);
  const prepares = chance(random, 0.1);
  const preparesFor = between(random, 1, 100 * MS);
  const answerPath = oneOf(random, PATH_ANSWERS);
  const end = oneOf(random, ENDS);
  const hold = between(random, 0, 500 * MS);
  const onDisconnect = oneOf(random, ON_DISCONNECT);
  const destroys = chance(random, 0.06);
  const destroyAfter = between(random, 1, 1_000 * MS);
  const leavesAtTimewait = chance(random, 0.3);
  const lingers = chance(random, 0.05);
  const timing = chance(random, HAS_POLICY) ? drawPolicy(random) : undefined;
  return {
    owner,
    qpn,
    psn,
    answer,
    answerAfter,
    preparesFor: prepares ? preparesFor : 0,
    answerPath,
    end,
    hold,
    onDisconnect,
    destroyAfter: destroys ? destroyAfter : 0,
    leavesAtTimewait,
    lingers,
    timing,
  };
}

/** Each of what a policy may leave out is there in half of them. Whole numbers: the CM keeps equal policies once, by their text. */
function drawPolicy(random: SeededRandom): TimingPolicy {
  const time = (shortest: number, longest: number): Duration =>
    microseconds(shortest + below(random, longest - shortest));
  const responseTimeout = time(5 * MS, 300 * MS);
  const retries = below(random, 6);
  const half = (): boolean => chance(random, 0.5);
  return {
    responseTimeout,
    retries,
    ...(half() && { deadline: time(SHORTEST_WAIT_US, 2_000 * MS) }),
    ...(half() && { backoff: 1 + below(random, 9) / 4 }),
    ...(half() && { jitter: (below(random, 5) / 4) * MOST_JITTER }),
    ...(half() && { longestTimeout: time(5 * MS, 500 * MS) }),
  };
}
