import { parseGid, type Random, ReferenceLedger, SeededRandom } from '../../src/base/index.js';
import {
  type AddressVector,
  type AttributeName,
  type ModifyAttributes,
  type QpState,
  type QueuePair,
  type QueuePairAttributes,
  type QueuePairLimits,
  QueuePairTable,
  type Transport,
  VerbsError,
} from '../../src/verbs/index.js';

/** A table with its ledger. */
export interface Tables {
  readonly ledger: ReferenceLedger;
  readonly table: QueuePairTable;
}

export function tables(limits: Partial<QueuePairLimits> = {}, random: Random = new SeededRandom(1)): Tables {
  const ledger = new ReferenceLedger();
  return {
    ledger,
    table: new QueuePairTable({ random, ledger, ports: 2, limits: { maxQueuePairs: 8, qpnCount: 64, ...limits } }),
  };
}

export const PATH: AddressVector = {
  port: 1,
  localGid: parseGid('10.0.0.1'),
  remoteGid: parseGid('10.0.0.2'),
  trafficClass: 5,
  sourcePort: 49_999,
};
export const OTHER_PATH: AddressVector = {
  port: 1,
  localGid: parseGid('fd77::1'),
  remoteGid: parseGid('fd77::2'),
  trafficClass: 7,
  sourcePort: 0,
  flowLabel: 0xf_ffff,
  hopLimit: 1,
  sl: 15,
};

/** A value for every attribute. */
export const VALUES: QueuePairAttributes = {
  pKey: 0xffff,
  port: 1,
  qKey: 0x0123_4567,
  accessFlags: 2,
  path: PATH,
  alternatePath: OTHER_PATH,
  mtu: 3,
  destinationQpn: 0x200,
  receivePsn: 0x11,
  sendPsn: 0x22,
  responderResources: 4,
  initiatorDepth: 5,
  minRnrTimer: 6,
  ackTimeout: 14,
  alternateAckTimeout: 15,
  retryCount: 7,
  rnrRetryCount: 3,
};

type Route = Readonly<Partial<Record<'INIT' | 'RTR' | 'RTS', readonly AttributeName[]>>>;

/** What to give on the way to RTS, and no more. */
const ROUTES: Readonly<Record<Transport, Route>> = {
  rc: {
    INIT: ['pKey', 'port'],
    RTR: ['path', 'mtu', 'destinationQpn', 'receivePsn', 'responderResources'],
    RTS: ['sendPsn', 'ackTimeout', 'retryCount', 'rnrRetryCount', 'initiatorDepth'],
  },
  uc: { INIT: ['pKey', 'port'], RTR: ['path', 'mtu', 'destinationQpn', 'receivePsn'], RTS: ['sendPsn'] },
  ud: { INIT: ['pKey', 'port', 'qKey'], RTS: ['sendPsn'] },
};

export function pick(names: readonly AttributeName[]): ModifyAttributes {
  return Object.fromEntries(names.map((name) => [name, VALUES[name]]));
}

/** What leads a queue pair to the next state. */
export function toward(transport: Transport, state: 'INIT' | 'RTR' | 'RTS'): ModifyAttributes {
  return { state, ...pick(ROUTES[transport][state] ?? []) };
}

/** A queue pair that has come into a state on the shortest way; undefined if there is none. */
export function queuePairIn(state: QpState, transport: Transport, table = tables().table): QueuePair | undefined {
  if (state === 'SQE' && transport === 'rc') return undefined;
  const queuePair = table.create({ transport });
  if (state === 'RESET') return queuePair;
  for (const step of ['INIT', 'RTR', 'RTS'] as const) {
    if (queuePair.state === state) return queuePair;
    queuePair.modify(toward(transport, step));
  }
  if (state === 'SQD' || state === 'ERR') queuePair.modify({ state });
  if (state === 'SQE') queuePair.sendFailed();
  return queuePair;
}

/** As {@link queuePairIn}, where there is a way. */
export function madeIn(state: QpState, transport: Transport, table?: QueuePairTable): QueuePair {
  const queuePair = queuePairIn(state, transport, table);
  if (queuePair?.state !== state) throw new Error(`no way to ${state} for ${transport}`);
  return queuePair;
}

/** The error that a call throws. */
export function errorOf(call: () => unknown): VerbsError {
  try {
    call();
  } catch (error) {
    if (error instanceof VerbsError) return error;
    throw error;
  }
  throw new Error('a VerbsError expected');
}
