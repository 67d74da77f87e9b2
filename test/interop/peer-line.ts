/** A line of lab/rdma-peer.c or lab/rdma-data-peer.c: an event of librdmacm without its prefix, a call, or a step. */
export interface PeerLine {
  /** Seconds since the program's start. */
  readonly time: number;
  readonly event: string;
  /** Which connection, or step, from 1. */
  readonly id: number;
  /** A reject reason, the status of a work completion, or an error number below zero. */
  readonly status: number;
  /** Of rdma-peer: private data, in hexadecimal digits. */
  readonly data: string;
  /** Of rdma-data-peer, from here on: bytes that came, or that are in its memory. */
  readonly length?: number;
  /** CRC-32 of them. */
  readonly crc?: number;
  readonly immediate?: number;
  /** Bytes that were written, if the immediate data is a write's; −1 if it is a message's. */
  readonly written?: number;
  /** The key that is of no use any more. */
  readonly invalidated?: number;
  /** What an atomic has found, in hexadecimal digits; or a state. */
  readonly value?: string;
}

/** @returns undefined for a line that is none of theirs. */
export function parsePeerLine(line: string): PeerLine | undefined {
  if (!line.startsWith('{"time":')) return undefined;
  return JSON.parse(line) as PeerLine;
}
