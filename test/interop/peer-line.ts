/** A line of lab/rdma-peer.c: an event of librdmacm without its prefix, or a call of its own. */
export interface PeerLine {
  /** Seconds since the program's start. */
  readonly time: number;
  readonly event: string;
  /** Which connection, from 1. */
  readonly id: number;
  /** A reject reason, or an error number below zero. */
  readonly status: number;
  /** Private data, in hexadecimal digits. */
  readonly data: string;
}

/** @returns undefined for a line that is not one of rdma-peer. */
export function parsePeerLine(line: string): PeerLine | undefined {
  if (!line.startsWith('{"time":')) return undefined;
  return JSON.parse(line) as PeerLine;
}
