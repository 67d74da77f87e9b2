import { gidAt } from '../base/index.js';
import type { PathAddress } from '../cep/index.js';

/** The states of a queue pair (IBTA 10.3.1): reset, initialized, ready to receive, ready to send, send queue drain, send queue error, error. */
export const QP_STATES = ['RESET', 'INIT', 'RTR', 'RTS', 'SQD', 'SQE', 'ERR'] as const;
export type QpState = (typeof QP_STATES)[number];

/** Transport services: reliable connection, unreliable connection, unreliable datagram (IBTA 9.7, 9.8). */
export const TRANSPORTS = ['rc', 'uc', 'ud'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** What the peer may do to our memory, as bits of `accessFlags`. The values are those of libibverbs. */
export const ACCESS = { remoteWrite: 2, remoteRead: 4, remoteAtomic: 8 } as const;

/** Where a connected queue pair's packets go (IBTA 11.2.2.1), in terms of RoCEv2. */
export interface AddressVector extends PathAddress {
  /** 20 bits; default 0. */
  readonly flowLabel?: number;
  /** 8 bits; default 64. */
  readonly hopLimit?: number;
  /** Service level, 4 bits; default 0. */
  readonly sl?: number;
}

/** A copy with all defaults filled in. */
export function addressOf(address: AddressVector): Required<AddressVector> {
  const { port, localGid, remoteGid, trafficClass, sourcePort, flowLabel = 0, hopLimit = 64, sl = 0 } = address;
  return {
    port,
    localGid: gidAt(localGid),
    remoteGid: gidAt(remoteGid),
    trafficClass,
    sourcePort,
    flowLabel,
    hopLimit,
    sl,
  };
}

/** A queue pair's attributes besides its state (IBTA 11.2.5.2). Beside each: its name in libibverbs. */
export interface QueuePairAttributes {
  /** `pkey_index`, but the key itself: RoCE has no table that an index would mean. 0x0000 and 0x8000 are no keys. */
  readonly pKey: number;
  /** `port_num`: from 1. */
  readonly port: number;
  /** `qkey`: 32 bits; UD only. */
  readonly qKey: number;
  /** `qp_access_flags`: see {@link ACCESS}; 0, the default, lets the peer do nothing. */
  readonly accessFlags: number;
  /** `ah_attr`. Its port is the queue pair's. */
  readonly path: AddressVector;
  /** `alt_ah_attr`, `alt_port_num`. Its P_Key is the queue pair's. */
  readonly alternatePath: AddressVector;
  /** `path_mtu`, as IBTA's code: 1 (256) to 5 (4096). */
  readonly mtu: number;
  /** `dest_qp_num`: 2 to 2²⁴ − 2; the others are the SMI, the GSI, and multicast. */
  readonly destinationQpn: number;
  /** `rq_psn`: the first PSN that the peer sends, 24 bits. */
  readonly receivePsn: number;
  /** `sq_psn`: the first PSN that we send, 24 bits. */
  readonly sendPsn: number;
  /** `max_dest_rd_atomic`: incoming RDMA reads and atomics at once, 8 bits. */
  readonly responderResources: number;
  /** `max_rd_atomic`: outgoing RDMA reads and atomics at once, 8 bits. */
  readonly initiatorDepth: number;
  /** `min_rnr_timer`: how long a peer waits that found us not ready to receive; a code of 5 bits (IBTA 9.7.5.2.8). Default 0, the longest. */
  readonly minRnrTimer: number;
  /** `timeout`: exponent of the local ACK timeout, 5 bits; 0 waits for ever. */
  readonly ackTimeout: number;
  /** `alt_timeout`: the same on the alternate path. */
  readonly alternateAckTimeout: number;
  /** `retry_cnt`: 3 bits. */
  readonly retryCount: number;
  /** `rnr_retry`: 3 bits; 7 is "for ever". */
  readonly rnrRetryCount: number;
}

export type AttributeName = keyof QueuePairAttributes;

/** What to change. What is left out, or undefined, stays; without a state, the queue pair stays in its own. */
export type ModifyAttributes = { readonly state?: QpState | undefined } & {
  readonly [Name in AttributeName]?: QueuePairAttributes[Name] | undefined;
};

/** The state and all attributes that have a value. */
export type QueuePairValues = { readonly state: QpState } & AttributeValues;

export type AttributeValues = Readonly<Partial<QueuePairAttributes>>;

/** What a queue pair has in RESET: the attributes that it can be without, because the CM's messages do not say them. */
export const INITIAL_VALUES: Readonly<Record<Transport, AttributeValues>> = {
  rc: { accessFlags: 0, minRnrTimer: 0 },
  uc: { accessFlags: 0 },
  ud: {},
};
