import type { ServiceId } from '../base/index.js';
import type { TimingPolicy } from './timing.js';

/** A path between two ports (IBTA 12.7.15…12.7.32). GIDs have 16 bytes; an IPv4 address is `::ffff:a.b.c.d`. */
export interface CmPath {
  readonly localGid: Uint8Array;
  readonly remoteGid: Uint8Array;
  /** Port of the adapter, from 1 (default 1). */
  readonly port?: number;
  /** 20 bits. */
  readonly flowLabel?: number;
  /** 8 bits; over RoCEv2 the DSCP and ECN bits of the IP header. */
  readonly trafficClass?: number;
  /** Default 64. */
  readonly hopLimit?: number;
  /** IBTA's code, 6 bits; 0 leaves it open, as Linux does over RoCE. */
  readonly packetRate?: number;
  /** 4 bits. */
  readonly sl?: number;
  /** Default 0xffff, as RoCE has no LIDs. */
  readonly localLid?: number;
  readonly remoteLid?: number;
  /** Exponent of the packet life time; default 16 (268 ms), as Linux 6.12 assumes over RoCE. */
  readonly packetLife?: number;
  /** Exponent of the ACK timeout that the peer's queue pair is asked to use; by default from the packet life and our ACK delay of 15. Never 0. */
  readonly localAckTimeout?: number;
  /** UDP source port of this connection's packets; 0 or left out: the port's own. */
  readonly sourcePort?: number;
}

/** What a REQ says. Times are exponents (see `TimeExponent`); what is left out has Linux's default. */
export interface ReqParameters {
  readonly path: CmPath;
  /** A second path, which the queue pair may move to. */
  readonly alternatePath?: CmPath;
  readonly serviceId: ServiceId;
  /** The peer may ask us at the same time: one of the two requests gives way, and a peer that does not listen yet is asked again. */
  readonly peerToPeer?: boolean;
  /** Our queue pair, 2 to 2²⁴ − 1. */
  readonly qpn: number;
  /** The first PSN that the peer shall send, 24 bits (IBTA 12.7). */
  readonly startingPsn: number;
  /** RC or UC. */
  readonly transport?: 'rc' | 'uc';
  readonly qKey?: number;
  /** Incoming RDMA reads and atomics we can hold, 0 to 255. */
  readonly responderResources?: number;
  /** Outgoing RDMA reads and atomics we want, 0 to 255. */
  readonly initiatorDepth?: number;
  /** Of the transport, 0 to 7. */
  readonly retryCount?: number;
  /** Of the transport, 0 to 7; 7 is "for ever". */
  readonly rnrRetryCount?: number;
  readonly flowControl?: boolean;
  readonly srq?: boolean;
  readonly pKey?: number;
  /** Path MTU as IBTA's code: 1 (256) to 5 (4096). */
  readonly mtu?: number;
  /** How long the peer has to answer us; default 20 (4.3 s). */
  readonly remoteCmResponseTimeout?: number;
  /** How long we take at most to answer the peer; default 20. */
  readonly localCmResponseTimeout?: number;
  /** How often either side repeats a message, 0 to 15; default 15. */
  readonly maxCmRetries?: number;
  /** At most 92 bytes. */
  readonly privateData?: Uint8Array;
  /** Default: the exponents and `maxCmRetries`. */
  readonly timing?: TimingPolicy;
}

/** What a REP says. */
export interface RepParameters {
  readonly qpn: number;
  /** As in a REQ. */
  readonly startingPsn: number;
  readonly qKey?: number;
  readonly responderResources?: number;
  readonly initiatorDepth?: number;
  /** Exponent of the time our transport takes to acknowledge; default 15. */
  readonly targetAckDelay?: number;
  /** 0: the REQ's alternate path is accepted; default 1, "not supported": both sides forget it. */
  readonly failoverAccepted?: number;
  readonly flowControl?: boolean;
  readonly rnrRetryCount?: number;
  readonly srq?: boolean;
  /** At most 196 bytes. */
  readonly privateData?: Uint8Array;
  readonly timing?: TimingPolicy;
}

export interface RejParameters {
  /** Reject reason, 16 bits. */
  readonly reason: number;
  /** At most 72 bytes. With the reason 4, timeout, it is always our CA GUID (IBTA 12.6.7.2). */
  readonly additionalInformation?: Uint8Array;
  /** At most 148 bytes. */
  readonly privateData?: Uint8Array;
}

export interface MraParameters {
  /** Exponent of the time that we need; default 24 (69 s), as Linux. */
  readonly serviceTimeout?: number;
  /** At most 222 bytes. */
  readonly privateData?: Uint8Array;
}

/** RTU, DREQ and DREP carry private data only: at most 224, 220 and 224 bytes. */
export interface PrivateDataParameters {
  readonly privateData?: Uint8Array;
}

export interface DreqParameters extends PrivateDataParameters {
  readonly timing?: TimingPolicy;
}

/** What a SIDR_REQ says. */
export interface SidrReqParameters {
  readonly path: CmPath;
  readonly serviceId: ServiceId;
  readonly pKey?: number;
  /** Exponent of the time that the peer has to answer; default 20. */
  readonly responseTimeout?: number;
  /** How often to ask again, 0 to 255; default 15. */
  readonly retries?: number;
  /** At most 216 bytes. */
  readonly privateData?: Uint8Array;
  readonly timing?: TimingPolicy;
}

/** What a SIDR_REP says. */
export interface SidrRepParameters {
  /** See `SIDR_STATUSES`; default 0, valid. */
  readonly status?: number;
  /** The queue pair that serves. */
  readonly qpn?: number;
  readonly qKey?: number;
  /** At most 72 bytes. */
  readonly additionalInformation?: Uint8Array;
  /** At most 136 bytes. */
  readonly privateData?: Uint8Array;
}

export interface LapParameters {
  /** The path that is to be the alternate one. */
  readonly path: CmPath;
  /** At most 168 bytes. */
  readonly privateData?: Uint8Array;
  readonly timing?: TimingPolicy;
}

export interface AprParameters {
  /** See `AP_STATUSES`; default 0, success. */
  readonly status?: number;
  /** At most 72 bytes. */
  readonly additionalInformation?: Uint8Array;
  /** At most 148 bytes. */
  readonly privateData?: Uint8Array;
}

export interface ListenParameters {
  /** Left out, and the mask with it, the manager chooses one that nobody listens on. */
  readonly serviceId?: ServiceId;
  /** The bits of the service ID that count; default all. */
  readonly serviceMask?: bigint;
  /** The port to listen on, from 1; default all. */
  readonly port?: number;
  /** Only requests whose private data holds these bytes (1 to 92) at this offset match. */
  readonly compare?: { readonly offset: number; readonly data: Uint8Array };
  /** Requests that may wait to be answered; beyond it a REQ is refused. */
  readonly backlog: number;
  /** What a REQ beyond the backlog gets: a REJ "no resources" (default), or silence, so that the peer tries again. */
  readonly atBacklog?: 'reject' | 'silence';
}
