/** A moment, exactly as the file has it. */
export interface CaptureTimestamp {
  /** Whole seconds since 1970-01-01 00:00:00 UTC; a safe integer, negative before. */
  readonly seconds: number;
  /** The rest, from 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** One captured packet. */
export interface CaptureRecord {
  /** The packet's number in the file, from 1. */
  readonly frame: number;
  /** When it was captured; undefined if the file does not say (pcapng's Simple Packet Block). */
  readonly timestamp: CaptureTimestamp | undefined;
  /** What `data` begins with: a LINKTYPE value (draft-ietf-opsawg-pcaplinktype), 0 to 65535. */
  readonly linkType: number;
  /** How long the packet was on the wire, in bytes. More than `data.length` if the capture cut it. */
  readonly originalLength: number;
  /**
   * The packet from its link-layer header on, at most {@link PACKET_BYTES_MAX} bytes. A view, valid until the
   * reader's next `push` or `poll`: copy what is to be kept.
   */
  readonly data: Uint8Array;
}

/** The longest packet that is read or written: libpcap's own limit for all but D-Bus and USB (its MAXIMUM_SNAPLEN). */
export const PACKET_BYTES_MAX = 262_144;
