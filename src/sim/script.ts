import type { SeededRandom } from '../base/index.js';
import { microseconds } from '../base/index.js';
import type { TimingPolicy } from '../cep/index.js';
import type { SimSettings } from './settings.js';
import { below, between, chance, oneOf, streamOf } from './streams.js';

/** How the passive consumer takes a REQ, and the active one a REP. MRA: it asks for time first. Late: it lets the peer wait. */
export type Answer = 'accept' | 'acceptLate' | 'acceptAfterMra' | 'reject' | 'destroy';
/** How a consumer ends an established connection: it may also leave that to the other side. */
export type End = 'disconnect' | 'destroy' | 'wait';

/** One side's part. Times are in microseconds. */
export interface Part {
  readonly owner: number;
  /** Which of the adapter's queue pairs to use, as a share of all of them. */
  readonly qpn: number;
  readonly psn: number;
  readonly answer: Answer;
  readonly answerAfter: number;
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

/** What is meant to happen in one attempt to connect. Drawn from the attempt's own stream. */
export interface Script {
  readonly startAt: number;
  readonly from: number;
  readonly to: number;
  readonly port: number;
  readonly packetLife: number;
  readonly responseTimeout: number;
  readonly retries: number;
  readonly mraTimeout: number;
  /** Data reaches the passive side: it knows that the connection stands, RTU or not. 0: no data. */
  readonly dataAfter: number;
  /** How often the active side tries again, with the same CEP, after a REJ or a lack of answers. */
  readonly again: number;
  readonly active: Part;
  readonly passive: Part;
}

const MS = 1_000;
/** No script gives up before this. */
export const SHORTEST_WAIT_US = 1_000;
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
const ENDS: readonly End[] = ['disconnect', 'disconnect', 'disconnect', 'destroy', 'wait', 'wait'];
const ON_DISCONNECT = ['answer', 'answer', 'answer', 'answerLate', 'destroy'] as const;

function drawPart(random: SeededRandom, owners: number, acceptance: number): Part {
  const owner = below(random, owners);
  const qpn = between(random, 0, 1);
  const psn = random.uint32() >>> 8;
  const unusual = oneOf(random, ANSWERS);
  const answer = chance(random, acceptance) ? 'accept' : unusual;
  const answerAfter = between(random, 0, 400 * MS);
  const end = oneOf(random, ENDS);
  const hold = between(random, 0, 500 * MS);
  const onDisconnect = oneOf(random, ON_DISCONNECT);
  const destroys = chance(random, 0.06);
  const destroyAfter = between(random, 1, 1_000 * MS);
  const leavesAtTimewait = chance(random, 0.3);
  const lingers = chance(random, 0.05);
  const hasPolicy = chance(random, 0.15);
  const responseTimeout = microseconds(between(random, 5 * MS, 300 * MS));
  const retries = below(random, 6);
  const hasDeadline = chance(random, 0.5);
  const deadline = microseconds(between(random, SHORTEST_WAIT_US, 2_000 * MS));
  const timing = hasPolicy ? { responseTimeout, retries, ...(hasDeadline && { deadline }) } : undefined;
  return {
    owner,
    qpn,
    psn,
    answer,
    answerAfter,
    end,
    hold,
    onDisconnect,
    destroyAfter: destroys ? destroyAfter : 0,
    leavesAtTimewait,
    lingers,
    timing,
  };
}

/** The script of attempt `number` in a run from `seed`: the same whatever the others are. */
export function drawScript(seed: number, settings: SimSettings, number: number): Script {
  const random = streamOf(seed, 'scripts', number);
  const { adapters, ports, owners, faultPhaseMs } = settings;
  const startAt = between(random, 0, 0.95 * faultPhaseMs * MS);
  const from = below(random, adapters);
  const step = below(random, adapters - 1);
  const toItself = chance(random, 0.02);
  const hasData = chance(random, 0.2);
  return {
    startAt,
    from,
    to: toItself ? from : (from + 1 + step) % adapters,
    port: 1 + below(random, ports),
    packetLife: 14 + below(random, 3),
    responseTimeout: 13 + below(random, 5),
    retries: 1 + below(random, 7),
    mraTimeout: 12 + below(random, 7),
    dataAfter: hasData ? between(random, 1, 5 * MS) : 0,
    again: chance(random, 0.2) ? 1 + below(random, 2) : 0,
    active: drawPart(random, owners, 0.5),
    passive: drawPart(random, owners, 0.3),
  };
}
