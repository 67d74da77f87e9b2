import { IbcmError } from '../base/index.js';

/**
 * - `PORT_IN_USE`: something on this machine owns UDP port 4791 of the address, or the UDP source port that was asked for.
 * - `ADDRESS_NOT_LOCAL`: the machine does not have the address, or it is none that a peer could answer to.
 * - `NO_ROUTE`: there is no way to the peer from the address.
 * - `NAME_NOT_FOUND`: the host's name has no address in the adapter's family.
 * - `SOCKET`: anything else that the system says; the cause has its words.
 */
export type IoErrorCode = 'PORT_IN_USE' | 'ADDRESS_NOT_LOCAL' | 'NO_ROUTE' | 'NAME_NOT_FOUND' | 'SOCKET';

/** The machine or the network does not let us. */
export class IoError extends IbcmError<IoErrorCode> {}

/** The system's name of an error, such as EADDRINUSE. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The system's words, short. */
export function systemWords(error: unknown): string {
  return systemCode(error) ?? (error instanceof Error ? error.message : String(error));
}
