import type { Instant } from '../base/index.js';

/**
 * A CEP is not an object but a row of numbers in one buffer: a hundred bytes instead of five hundred, and nothing for
 * the garbage collector to walk. This table says what the row holds; {@link CepCursor} makes it read like an object.
 * 0 always means "none": slots, buffers and paths are numbered from 1, and fresh memory needs no preparation.
 */
export const CEP_RECORD = {
  /** Times the slot has been given out; part of the CID. Survives the CEP. */
  generation: 'uint',
  /** Comm IDs the slot has given out. Survives the CEP. */
  commGeneration: 'uint',
  /** Next free slot. */
  freeNext: 'uint',
  /** The owner's number; 0 once destroyed. */
  owner: 'uint',
  ownerNext: 'uint',
  ownerPrevious: 'uint',
  /** The owner's CEPs that have events. */
  readyNext: 'uint',
  readyPrevious: 'uint',
  eventHead: 'uint',
  eventTail: 'uint',
  /** The listener whose backlog this request counts in, and its neighbours there. In a listener: its first request. */
  listener: 'uint',
  requestNext: 'uint',
  requestPrevious: 'uint',
  /** Requests in a listener's backlog. */
  requestCount: 'uint',
  backlog: 'uint',
  /** Both ends' addresses, in the path table. */
  path: 'uint',
  /** The path to move to, 0 if there is none; and the one that a LAP proposes. */
  alternatePath: 'uint',
  proposedPath: 'uint',
  /** The timing policy, in its table. */
  timing: 'uint',
  /** The message to send again, in the MAD pool. */
  sentMad: 'uint',
  /** The message that is formatted but not yet sent. */
  preparedMad: 'uint',
  transactionHigh: 'uint',
  transactionLow: 'uint',
  /** By how many microseconds MRAs have lengthened the waits for the present answer. */
  mraExtension: 'uint',
  localCommId: 'uint',
  remoteCommId: 'uint',
  remoteGuidHigh: 'uint',
  remoteGuidLow: 'uint',
  localQpn: 'uint',
  remoteQpn: 'uint',
  /** The starting PSNs that our message and the peer's name. Who names one is the other's receiver: the peer sends from ours on (IBTA 12.7). */
  localPsn: 'uint',
  remotePsn: 'uint',
  /** The moment at which the CEP began what it is doing: left IDLE, or REQ_PREPARED. In whole microseconds. */
  beganHigh: 'uint',
  beganLow: 'uint',
  serviceHigh: 'uint',
  serviceLow: 'uint',
  /** {@link FLAGS}. */
  flags: 'uint',
  pKey: 'uint',
  state: 'octet',
  unreadEvents: 'octet',
  /** Exponent of the packet life time on the longest path. */
  packetLife: 'octet',
  /** Exponent of the time that the peer has to answer. */
  responseTimeout: 'octet',
  /** Exponent of the path's ACK timeout. At the active side, until the REP names the peer's ACK delay: the path's packet life. */
  ackTimeout: 'octet',
  /** Exponent of the peer's ACK delay; 0 on the passive side, where the packet life contains it. */
  remoteAckDelay: 'octet',
  maxRetries: 'octet',
  retries: 'octet',
  /** What the queue pair needs to know: path MTU (IBTA's code), its retries, and the RDMA reads each way. */
  mtu: 'octet',
  retryCount: 'octet',
  rnrRetryCount: 'octet',
  responderResources: 'octet',
  initiatorDepth: 'octet',
  /** As {@link ackTimeout}, of the alternate and of the proposed path. */
  alternateAckTimeout: 'octet',
  proposedAckTimeout: 'octet',
  proposedPacketLife: 'octet',
} as const;

export const FLAGS = {
  /** This side sent the REQ. */
  active: 0x01,
  /** Destroyed by its owner; what the protocol still owes the peer goes on. */
  unbound: 0x02,
  /** The (comm ID, GUID) of the peer is known and in its index. */
  remoteIdKnown: 0x04,
  /** The (QPN, GUID) of the peer is in its index. */
  remoteQpnHeld: 0x08,
  /** The local QPN is in its index. */
  localQpnHeld: 0x10,
  /** A request that its listener's owner has polled. */
  delivered: 0x20,
  /** A listener that is silent, not rejecting, when its backlog is full. */
  silentBacklog: 0x40,
  /** The peer has shown that it has forgotten the connection. */
  stale: 0x80,
  /** A request that the peer's own may cross. */
  peerToPeer: 0x100,
  /** Its CID is in somebody's slot. */
  slotHeld: 0x200,
  /** The queue pairs are of unreliable connection (UC). */
  unreliable: 0x400,
} as const;

/** Values of a word. */
export const WORD_RANGE = 2 ** 32;

/** When the CEP began what it is doing. */
export const beginningOf = (cep: Cep): Instant => (cep.beganHigh * WORD_RANGE + cep.beganLow) as Instant;

type FieldName = keyof typeof CEP_RECORD;
const NAMES = Object.keys(CEP_RECORD) as FieldName[];
const UINTS = NAMES.filter((name) => CEP_RECORD[name] === 'uint');
const OCTETS = NAMES.filter((name) => CEP_RECORD[name] === 'octet');
/** 32-bit words a record takes. */
export const RECORD_WORDS = UINTS.length + Math.ceil(OCTETS.length / 4);

/** The record that a cursor stands on, as an object. Valid until the cursor moves. */
export type Cep = { readonly slot: number } & Record<FieldName, number>;

/** A movable view of one record. `moveTo` costs nothing; handlers get the cursor as their {@link Cep}. */
class Cursor {
  slot = 0;
  protected readonly words: Uint32Array;
  protected readonly octets: Uint8Array;
  protected word = 0;
  protected octet = 0;

  constructor(words: Uint32Array) {
    this.words = words;
    this.octets = new Uint8Array(words.buffer);
  }

  moveTo(slot: number): Cep {
    this.slot = slot;
    this.word = slot * RECORD_WORDS;
    this.octet = this.word * 4 + UINTS.length * 4;
    return this as unknown as Cep;
  }
}

interface Row {
  words: Uint32Array;
  octets: Uint8Array;
  word: number;
  octet: number;
}
UINTS.forEach((name, index) => {
  Object.defineProperty(Cursor.prototype, name, {
    get(this: Row): number {
      return this.words[this.word + index] as number;
    },
    set(this: Row, value: number) {
      this.words[this.word + index] = value;
    },
  });
});
OCTETS.forEach((name, index) => {
  Object.defineProperty(Cursor.prototype, name, {
    get(this: Row): number {
      return this.octets[this.octet + index] as number;
    },
    set(this: Row, value: number) {
      this.octets[this.octet + index] = value;
    },
  });
});

export { Cursor as CepCursor };
