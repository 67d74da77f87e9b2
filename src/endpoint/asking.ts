import { type Cid, elapsed, formatAddress, type Gid, type Instant, isIpv4Gid, seconds } from '../base/index.js';
import type { CmPath } from '../cep/index.js';
import { encodeIpCmHeader, IP_CM_HEADER_BYTES } from '../wire/index.js';
import { checkInteger } from './check-integer.js';
import { durationText, EndpointError, endText } from './error.js';
import { type BoundedTiming, DEFAULT_TIMEOUT_MS, type WaitOptions } from './options.js';

/** What those who ask a peer have in common: who wants to connect, and who looks a service up. */

export interface AskOptions extends WaitOptions {
  /** Name or address. */
  readonly host: string;
  /** Port in a port space of rdma_cm, 1 to 65,535: TCP's for connections, UDP's for datagrams. */
  readonly port: number;
  /** The address of this adapter to ask from, if it has several. Default: the one from which the system's route leads to the host. */
  readonly from?: string;
  /** At most 56 bytes to connect, 180 to look up. */
  readonly privateData?: Uint8Array;
  /** Told the CM's handle of the attempt when it begins, as in events. For logs and lists: nobody else knows whose it is. */
  readonly onAttempt?: (cid: Cid) => void;
  /** Aborting it ends the attempt: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Type of service: DSCP and ECN, 0 to 255 (`RDMA_OPTION_ID_TOS`). Default 0. */
  readonly trafficClass?: number;
  /** Default 0xffff. */
  readonly pKey?: number;
  /** UDP source port of our packets, 1 to 65,535. Default 4791. */
  readonly sourcePort?: number;
}

export interface Question {
  /** The adapter's port that the question goes out of, from 1. */
  readonly adapterPort: number;
  readonly localGid: Gid;
  readonly remoteGid: Gid;
  /** The port that we call our own. */
  readonly localPort: number;
  /** When the caller asked: looking up the peer's name took time as well. */
  readonly startedAt: Instant;
  /** Its deadline is what is left. */
  readonly timing: BoundedTiming;
}

/** @throws EndpointError when an option is wrong in itself. */
export function checkAsk({ port, trafficClass, sourcePort, pKey }: AskOptions): void {
  checkInteger('port', port, 1, 65_535);
  if (trafficClass !== undefined) checkInteger('trafficClass', trafficClass, 0, 0xff);
  if (sourcePort !== undefined) checkInteger('sourcePort', sourcePort, 1, 0xffff);
  if (pKey !== undefined) checkInteger('pKey', pKey, 0, 0xffff);
}

/** Who is asked, for people. */
export const peerText = ({ port }: AskOptions, { remoteGid }: Question): string =>
  endText(formatAddress(remoteGid), port);

/** The way to the peer, as the CM wants it. */
export function pathOf(
  { trafficClass, sourcePort }: AskOptions,
  { adapterPort, localGid, remoteGid }: Question,
): CmPath {
  return {
    port: adapterPort,
    localGid,
    remoteGid,
    ...(trafficClass !== undefined && { trafficClass }),
    ...(sourcePort !== undefined && { sourcePort }),
  };
}

/** Private data: rdma_cm's header, then the user's. */
export function withIpCmHeader({ privateData }: AskOptions, { localGid, remoteGid, localPort }: Question): Uint8Array {
  const bytes = new Uint8Array(IP_CM_HEADER_BYTES + (privateData?.length ?? 0));
  encodeIpCmHeader(
    { ipVersion: isIpv4Gid(localGid) ? 4 : 6, sourcePort: localPort, source: localGid, destination: remoteGid },
    bytes,
  );
  if (privateData) bytes.set(privateData, IP_CM_HEADER_BYTES);
  return bytes;
}

/** Nobody answered. */
export function silence(options: AskOptions, question: Question, transmissions: number, now: Instant): EndpointError {
  const peer = peerText(options, question);
  const took = elapsed(question.startedAt, now);
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const times = transmissions === 1 ? 'once' : `${transmissions} times`;
  return new EndpointError(
    'TIMEOUT',
    `${peer} did not answer: asked ${times} in ${durationText(took)}. Is it up, and does something serve RoCEv2 (UDP port 4791) there?`,
    { peer, transmissions, timeoutMs, seconds: took / seconds(1) },
  );
}
