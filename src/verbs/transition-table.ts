import type { AttributeName, QpState, Transport } from './attributes.js';

/** What a transition needs, and what else it may change. */
export interface Transition<Name extends AttributeName = AttributeName> {
  readonly required: readonly Name[];
  readonly optional: readonly Name[];
}

/** Every state × every state: how a consumer may lead a queue pair from the one (outer) to the other (inner). Undefined: not at all. */
export type TransitionTable<Name extends AttributeName = AttributeName> = Readonly<
  Record<QpState, Readonly<Record<QpState, Transition<Name> | undefined>>>
>;

type UdAttribute = 'pKey' | 'port' | 'qKey' | 'sendPsn';
type RcAttribute = Exclude<AttributeName, 'qKey'>;
type UcAttribute = Exclude<
  RcAttribute,
  | 'responderResources'
  | 'initiatorDepth'
  | 'minRnrTimer'
  | 'ackTimeout'
  | 'alternateAckTimeout'
  | 'retryCount'
  | 'rnrRetryCount'
>;

const illegal = undefined;
const anytime: Transition<never> = { required: [], optional: [] };
const optional = <Name extends AttributeName>(...names: Name[]): Transition<Name> => ({
  required: [],
  optional: names,
});

/** IBTA 11.2.5.2. A send that fails breaks a reliable connection: it is never in SQE. */
const RC: TransitionTable<RcAttribute> = {
  RESET: {
    RESET: anytime,
    INIT: { required: ['pKey', 'port'], optional: ['accessFlags'] },
    RTR: illegal,
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: illegal,
  },
  INIT: {
    RESET: anytime,
    INIT: optional('pKey', 'port', 'accessFlags'),
    RTR: {
      required: ['path', 'mtu', 'destinationQpn', 'receivePsn', 'responderResources'],
      optional: ['pKey', 'accessFlags', 'minRnrTimer', 'alternatePath', 'alternateAckTimeout'],
    },
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  RTR: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: {
      required: ['sendPsn', 'ackTimeout', 'retryCount', 'rnrRetryCount', 'initiatorDepth'],
      optional: ['accessFlags', 'minRnrTimer', 'alternatePath', 'alternateAckTimeout'],
    },
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  RTS: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('accessFlags', 'minRnrTimer', 'alternatePath', 'alternateAckTimeout'),
    SQD: anytime,
    SQE: illegal,
    ERR: anytime,
  },
  SQD: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('accessFlags', 'minRnrTimer', 'alternatePath', 'alternateAckTimeout'),
    SQD: optional(
      'pKey',
      'port',
      'accessFlags',
      'path',
      'alternatePath',
      'responderResources',
      'initiatorDepth',
      'minRnrTimer',
      'ackTimeout',
      'alternateAckTimeout',
      'retryCount',
      'rnrRetryCount',
    ),
    SQE: illegal,
    ERR: anytime,
  },
  SQE: {
    RESET: illegal,
    INIT: illegal,
    RTR: illegal,
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: illegal,
  },
  ERR: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
};

const UC: TransitionTable<UcAttribute> = {
  RESET: {
    RESET: anytime,
    INIT: { required: ['pKey', 'port'], optional: ['accessFlags'] },
    RTR: illegal,
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: illegal,
  },
  INIT: {
    RESET: anytime,
    INIT: optional('pKey', 'port', 'accessFlags'),
    RTR: {
      required: ['path', 'mtu', 'destinationQpn', 'receivePsn'],
      optional: ['pKey', 'accessFlags', 'alternatePath'],
    },
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  RTR: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: { required: ['sendPsn'], optional: ['accessFlags', 'alternatePath'] },
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  RTS: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('accessFlags', 'alternatePath'),
    SQD: anytime,
    SQE: illegal,
    ERR: anytime,
  },
  SQD: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('accessFlags', 'alternatePath'),
    SQD: optional('pKey', 'accessFlags', 'path', 'alternatePath'),
    SQE: illegal,
    ERR: anytime,
  },
  SQE: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('accessFlags'),
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  ERR: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
};

/** Datagrams have their addresses with them: the queue pair knows no peer. */
const UD: TransitionTable<UdAttribute> = {
  RESET: {
    RESET: anytime,
    INIT: { required: ['pKey', 'port', 'qKey'], optional: [] },
    RTR: illegal,
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: illegal,
  },
  INIT: {
    RESET: anytime,
    INIT: optional('pKey', 'port', 'qKey'),
    RTR: optional('pKey', 'qKey'),
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  RTR: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: { required: ['sendPsn'], optional: ['qKey'] },
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  RTS: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('qKey'),
    SQD: anytime,
    SQE: illegal,
    ERR: anytime,
  },
  SQD: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('qKey'),
    SQD: optional('pKey', 'qKey'),
    SQE: illegal,
    ERR: anytime,
  },
  SQE: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: optional('qKey'),
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
  ERR: {
    RESET: anytime,
    INIT: illegal,
    RTR: illegal,
    RTS: illegal,
    SQD: illegal,
    SQE: illegal,
    ERR: anytime,
  },
};

export const TRANSITIONS: Readonly<Record<Transport, TransitionTable>> = { rc: RC, uc: UC, ud: UD };
