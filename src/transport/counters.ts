/** Why a packet for a queue pair was dropped. Every drop is counted under one of these. */
export const TRANSPORT_DROP_REASONS = {
  length: 'not the length that its headers say',
  opcode: 'not an opcode of the transport service',
  pKey: "not of the queue pair's partition",
  qKey: 'wrong Q_Key',
  source: 'not from the address of the peer',
  state: 'the queue pair neither receives nor waits for answers in its state',
  /** A duplicate that cannot be answered again, or is not worth it. */
  duplicate: 'a duplicate that is not answered',
  /** Reliable connections ask for what is missing, once. */
  outOfOrder: 'a packet before it is missing',
  unexpected: 'an answer to nothing that was asked',
  /** Unreliable services only: reliable ones tell the peer to wait. */
  noReceive: 'no receive was posted',
  /** Unreliable connections only. */
  brokenMessage: 'a part of a message whose beginning or order was lost, or that makes no sense',
  /** Unreliable services only. */
  tooLong: 'longer than the receive',
  /** Unreliable connections only. */
  access: 'memory that the peer may not write',
} as const;
export type TransportDropReason = keyof typeof TRANSPORT_DROP_REASONS;

/** What has gone through a transport layer since its start. */
export class TransportCounters {
  packetsSent = 0;
  packetsReceived = 0;
  /** Packets sent again. */
  retransmitted = 0;
  /** Times that no answer came within the local ACK timeout. */
  timeouts = 0;
  /** Packets that came again, and were answered again. */
  duplicates = 0;
  /** NAKs sent: something was missing. */
  sequenceNaks = 0;
  /** RNR NAKs sent: no receive was posted. */
  receiverNotReady = 0;
  readonly drops: Record<TransportDropReason, number> = {
    length: 0,
    opcode: 0,
    pKey: 0,
    qKey: 0,
    source: 0,
    state: 0,
    duplicate: 0,
    outOfOrder: 0,
    unexpected: 0,
    noReceive: 0,
    brokenMessage: 0,
    tooLong: 0,
    access: 0,
  };
}
