import { gidAt } from '../base/index.js';
import type { CepCore } from './core.js';
import { CepError } from './error.js';
import type { PathAddress } from './path-table.js';
import { type Cep, FLAGS } from './record.js';

/** A queue pair's state that the CM leads it to (IBTA 10.3.1). */
export type QpTarget = 'INIT' | 'RTR' | 'RTS';

/** What a queue pair needs to enter INIT. */
export interface InitAttributes {
  readonly state: 'INIT';
  readonly pKey: number;
  readonly port: number;
}

/** What it needs to be ready to receive. */
export interface RtrAttributes {
  readonly state: 'RTR';
  readonly path: PathAddress;
  readonly alternatePath: PathAddress | undefined;
  /** IBTA's code, 1 (256) to 5 (4096). */
  readonly mtu: number;
  readonly destinationQpn: number;
  /** The first PSN that the peer sends. */
  readonly receivePsn: number;
  /** Incoming RDMA reads and atomics: our responder resources. Undefined for an unreliable connection, which has none. */
  readonly responderResources: number | undefined;
}

/** What it needs to be ready to send. An unreliable connection needs its PSN only, the rest is undefined. */
export interface RtsAttributes {
  readonly state: 'RTS';
  readonly sendPsn: number;
  /** Exponent of the local ACK timeout. */
  readonly ackTimeout: number | undefined;
  /** 0 to 7. */
  readonly retryCount: number | undefined;
  /** 0 to 7; 7 is "for ever". */
  readonly rnrRetryCount: number | undefined;
  /** Outgoing RDMA reads and atomics: at most what the peer can hold. */
  readonly initiatorDepth: number | undefined;
  readonly alternateAckTimeout: number | undefined;
}

export type QpAttributes = InitAttributes | RtrAttributes | RtsAttributes;

const TARGETS: ReadonlySet<unknown> = new Set<QpTarget>(['INIT', 'RTR', 'RTS']);

/** A copy: the manager's own must not be changed. */
function addressOf(core: CepCore, path: number): PathAddress {
  const { port, localGid, remoteGid, trafficClass, sourcePort } = core.paths.get(path);
  return { port, localGid: gidAt(localGid), remoteGid: gidAt(remoteGid), trafficClass, sourcePort };
}

/**
 * The attributes with which a queue pair enters a state, from the messages exchanged so far (IBTA 12.9.1).
 * @throws CepError `INVALID_STATE` when the messages that say them have not been exchanged.
 */
export function qpAttributes(core: CepCore, cep: Cep, target: QpTarget): QpAttributes {
  const { path, alternatePath, pKey } = cep;
  if (!TARGETS.has(target)) {
    throw new CepError('INVALID_PARAMETER', `a queue pair is led to INIT, RTR or RTS, not to ${String(target)}`, {
      parameter: 'target',
    });
  }
  if (target === 'INIT') return { state: 'INIT', pKey, port: core.paths.get(path).port };
  if ((cep.flags & FLAGS.remoteIdKnown) === 0) {
    throw new CepError('INVALID_STATE', `the peer's queue pair is not known yet: no attributes for ${target}`, {
      call: 'getQpAttr',
      state: core.stateOf(cep),
      target,
    });
  }
  const reliable = (cep.flags & FLAGS.unreliable) === 0;
  if (target === 'RTR') {
    return {
      state: 'RTR',
      path: addressOf(core, path),
      alternatePath: alternatePath === 0 ? undefined : addressOf(core, alternatePath),
      mtu: cep.mtu,
      destinationQpn: cep.remoteQpn,
      receivePsn: cep.localPsn,
      responderResources: reliable ? cep.responderResources : undefined,
    };
  }
  return {
    state: 'RTS',
    sendPsn: cep.remotePsn,
    ackTimeout: reliable ? cep.ackTimeout : undefined,
    retryCount: reliable ? cep.retryCount : undefined,
    rnrRetryCount: reliable ? cep.rnrRetryCount : undefined,
    initiatorDepth: reliable ? cep.initiatorDepth : undefined,
    alternateAckTimeout: reliable && alternatePath !== 0 ? cep.alternateAckTimeout : undefined,
  };
}
