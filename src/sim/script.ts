import { drawPart, type Part } from './part.js';
import { EXTRA_RANGE, SERVICE_KINDS, type ServiceKind } from './services.js';
import type { SimSettings } from './settings.js';
import { below, between, chance, oneOf, streamOf } from './streams.js';

/** What an attempt is: a request to a listener, two requests that cross, or the resolution of a service ID. */
export type AttemptKind = 'connect' | 'peerToPeer' | 'resolve';

/** What is meant to happen in one attempt. Drawn from the attempt's own stream. Times are in microseconds. */
export interface Script {
  readonly kind: AttemptKind;
  readonly startAt: number;
  readonly from: number;
  readonly to: number;
  readonly port: number;
  readonly service: ServiceKind;
  /** The request's own byte, which services tell requests apart by. */
  readonly extra: number;
  readonly packetLife: number;
  readonly responseTimeout: number;
  readonly retries: number;
  readonly mraTimeout: number;
  /** Data reaches the passive side so long after the active one is established: it knows that the connection stands, RTU or not. 0: no data. */
  readonly dataAfter: number;
  /** How often the active side tries again, with the same CEP, after a REJ or a lack of answers. */
  readonly again: number;
  /** How long after the active side the other one asks, too (peer to peer). */
  readonly crossAfter: number;
  /** When an established active side proposes an alternate path; 0: never. */
  readonly proposeAfter: number;
  /** What is different on that path: its traffic class. */
  readonly proposedTrafficClass: number;
  /** When it moves there, once it was agreed upon; 0: never. */
  readonly migrateAfter: number;
  readonly active: Part;
  readonly passive: Part;
}

const MS = 1_000;
const PEER_SHARE = 0.06;
const RESOLVE_SHARE = 0.06;
const PROPOSE_SHARE = 0.12;

/** The script of attempt `number` in a run from `seed`: the same whatever the others are. */
export function drawScript(seed: number, settings: SimSettings, number: number): Script {
  const random = streamOf(seed, 'scripts', number);
  const { adapters, ports, owners, faultPhaseMs, services } = settings;
  const startAt = between(random, 0, 0.95 * faultPhaseMs * MS);
  const from = below(random, adapters);
  const step = below(random, adapters - 1);
  const toItself = chance(random, 0.02);
  const kind = kindOf(between(random, 0, 1));
  const hasData = chance(random, 0.2);
  const port = 1 + below(random, ports);
  const unusual = oneOf(random, SERVICE_KINDS);
  const proposes = chance(random, PROPOSE_SHARE);
  const migrates = chance(random, 0.6);
  return {
    kind,
    startAt,
    from,
    to: toItself ? from : (from + 1 + step) % adapters,
    port,
    service: services === 'all' ? unusual : 'plain',
    extra: below(random, EXTRA_RANGE),
    packetLife: 14 + below(random, 3),
    responseTimeout: 13 + below(random, 5),
    retries: 1 + below(random, 7),
    mraTimeout: 12 + below(random, 7),
    dataAfter: hasData ? between(random, 1, 300) : 0,
    again: chance(random, 0.2) && kind !== 'peerToPeer' ? 1 + below(random, 2) : 0,
    crossAfter: chance(random, 0.7) ? between(random, 0, 300) : between(random, 0, 100 * MS),
    proposeAfter: proposes ? between(random, 1, 200 * MS) : 0,
    proposedTrafficClass: below(random, 64) << 2,
    migrateAfter: migrates ? between(random, 1, 100 * MS) : 0,
    active: drawPart(random, owners, 0.5),
    passive: drawPart(random, owners, 0.3),
  };
}

function kindOf(share: number): AttemptKind {
  if (share < PEER_SHARE) return 'peerToPeer';
  return share < PEER_SHARE + RESOLVE_SHARE ? 'resolve' : 'connect';
}
