import { checkInteger } from './check-integer.js';

/** How much of a connection's data may be under way. */
export interface TransferOptions {
  /** Messages of the peer's that can wait until they are received; then it is asked to try again later (RNR). 0 to 4,096; default 8. */
  readonly receives?: number;
  /** The longest message that the peer may send, in bytes; a longer one breaks the connection. Default 4,096. */
  readonly receiveBytes?: number;
  /** Transfers that the queue pair works on at once; more wait for their turn. 1 to 4,096; default 64. */
  readonly sends?: number;
  /**
   * Of a connection: how long nothing may be completed, in milliseconds, until the peer's queue pair is asked whether it is there (a write of no bytes). If it
   * does not answer, the connection breaks. Default: it is never asked; a peer that vanishes is noticed by the next transfer.
   */
  readonly keepAliveMs?: number;
}

export const DEFAULT_RECEIVES = 8;
export const DEFAULT_RECEIVE_BYTES = 4_096;
export const DEFAULT_SENDS = 64;
const DEPTH_MAX = 4_096;
const RECEIVE_BYTES_MAX = 2 ** 30;
/** A day. */
const KEEP_ALIVE_MS_MAX = 86_400_000;

/** @throws EndpointError `INVALID_ARGUMENT` */
export function checkTransfers({ receives, receiveBytes, sends, keepAliveMs }: TransferOptions): void {
  if (receives !== undefined) checkInteger('receives', receives, 0, DEPTH_MAX);
  if (receiveBytes !== undefined) checkInteger('receiveBytes', receiveBytes, 1, RECEIVE_BYTES_MAX);
  if (sends !== undefined) checkInteger('sends', sends, 1, DEPTH_MAX);
  if (keepAliveMs !== undefined) checkInteger('keepAliveMs', keepAliveMs, 1, KEEP_ALIVE_MS_MAX);
}
