import { IbcmError } from '../base/index.js';

/**
 * What failed between a client and the service, or because of what the service allows a client:
 * - `UNAVAILABLE`: nobody answers at the service's address, or it is going down;
 * - `DISCONNECTED`: the service or its client went away while a call was under way;
 * - `PROTOCOL`: the other side sent what makes no sense;
 * - `UNKNOWN_HANDLE`: the client owns nothing of that name;
 * - `LIMIT_REACHED`: the client has as many as it may have;
 * - `OVERFLOW`: the client did not read its events;
 * - `TIMEOUT`: the call's own deadline is over;
 * - `CANCELLED`: the client has taken the call back;
 * - `CONFIGURATION`: a setting is wrong.
 */
export type ServiceErrorCode =
  | 'UNAVAILABLE'
  | 'DISCONNECTED'
  | 'PROTOCOL'
  | 'UNKNOWN_HANDLE'
  | 'LIMIT_REACHED'
  | 'OVERFLOW'
  | 'TIMEOUT'
  | 'CANCELLED'
  | 'CONFIGURATION';

/** See {@link ServiceErrorCode}. */
export class ServiceError extends IbcmError<ServiceErrorCode> {}
