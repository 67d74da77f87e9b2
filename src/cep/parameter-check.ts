import { GID_BYTES } from '../base/index.js';
import { CepError } from './error.js';
import type { CmPath, ListenParameters, SidrReqParameters } from './parameters.js';
import type { TimingPolicy } from './timing.js';

/**
 * Values that no field of a message would refuse: they stay in the manager, or fit their field but must never be sent.
 * All the others are checked by the message tables as they are written.
 */

const EXPONENT_MAX = 31;
const PORT_MAX = 0xff;
const OCTET_MAX = 0xff;
const LID_MAX = 0xffff;
const UDP_PORT_MAX = 0xffff;
const BACKLOG_MAX = 0xffff_ffff;
const RETRIES_MAX = 0xff;
const BACKOFF_MAX = 16;
/** What a REQ carries: more could never match. */
const COMPARED_BYTES_MAX = 92;
const SERVICE_ID_MAX = 0xffff_ffff_ffff_ffffn;
/** 0 is the SMI, 1 the GSI. */
const QPN_MIN = 2;

function checkInteger(parameter: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  throw invalid(parameter, value, `an integer from ${min} to ${max}`);
}

function checkDuration(parameter: string, value: number): void {
  if (!(value >= 0)) throw invalid(parameter, value, 'a time in microseconds');
}

/** The error for a value that is not what it must be. */
export function invalid(parameter: string, value: unknown, allowed: string): CepError {
  return new CepError('INVALID_PARAMETER', `${parameter} is ${String(value)}; it must be ${allowed}`, { parameter });
}

export function checkPath({ port, sourcePort, packetLife, localAckTimeout }: CmPath): void {
  checkInteger('path.port', port, 1, PORT_MAX);
  checkInteger('path.sourcePort', sourcePort, 0, UDP_PORT_MAX);
  checkInteger('path.packetLife', packetLife, 0, EXPONENT_MAX);
  checkInteger('path.localAckTimeout', localAckTimeout, 1, EXPONENT_MAX);
}

/** A local LID of 0 says on the wire that there is no alternate path. */
export function checkAlternatePath(path: CmPath): void {
  checkPath(path);
  checkInteger('alternatePath.localLid', path.localLid, 1, LID_MAX);
}

/** What no field refuses when a path is not in the message. */
export function checkAddress({ localGid, remoteGid, trafficClass }: CmPath): void {
  for (const [name, gid] of Object.entries({ localGid, remoteGid })) {
    if (!(gid instanceof Uint8Array) || gid.length !== GID_BYTES)
      throw invalid(`path.${name}`, gid, 'a GID of 16 bytes');
  }
  checkInteger('path.trafficClass', trafficClass, 0, OCTET_MAX);
}

export function checkSidrTimes({ responseTimeout, retries }: SidrReqParameters): void {
  checkInteger('responseTimeout', responseTimeout, 0, EXPONENT_MAX);
  checkInteger('retries', retries, 0, RETRIES_MAX);
}

/** Only the least value: the field knows the greatest. */
export function checkOwnQpn(qpn: number): void {
  if (qpn < QPN_MIN) throw invalid('qpn', qpn, `at least ${QPN_MIN}`);
}

export function checkTiming(timing: TimingPolicy | undefined): void {
  if (timing === undefined) return;
  checkDuration('timing.responseTimeout', timing.responseTimeout);
  checkInteger('timing.retries', timing.retries, 0, RETRIES_MAX);
  const { backoff = 1, jitter = 0 } = timing;
  if (!(backoff >= 1 && backoff <= BACKOFF_MAX)) throw invalid('timing.backoff', backoff, `from 1 to ${BACKOFF_MAX}`);
  if (!(jitter >= 0 && jitter <= 1)) throw invalid('timing.jitter', jitter, 'from 0 to 1');
  if (timing.longestTimeout !== undefined) checkDuration('timing.longestTimeout', timing.longestTimeout);
  if (timing.deadline !== undefined) checkDuration('timing.deadline', timing.deadline);
}

export function checkListen({ serviceId, serviceMask, port, compare, backlog }: ListenParameters): void {
  for (const [name, value] of Object.entries({ serviceId, serviceMask })) {
    if (value === undefined) continue;
    if (typeof value !== 'bigint' || value < 0n || value > SERVICE_ID_MAX)
      throw invalid(name, value, 'a bigint of 64 bits');
  }
  if (serviceId === undefined && serviceMask !== undefined)
    throw invalid('serviceMask', serviceMask, 'left out if the service ID is');
  checkInteger('port', port, 1, PORT_MAX);
  if (compare !== undefined) {
    const { offset, data } = compare;
    checkInteger('compare.offset', offset, 0, COMPARED_BYTES_MAX - 1);
    checkInteger('compare.data.length', data.length, 1, COMPARED_BYTES_MAX - offset);
  }
  checkInteger('backlog', backlog, 0, BACKLOG_MAX);
}
