import type { CmEvent } from '../../cm/index.js';
import type * as endpoint from '../../endpoint/index.js';
import type { AttributeValues } from '../../verbs/index.js';
import { encodeMad, MAD_BYTES } from '../../wire/index.js';
import type * as wire from '../messages.js';

/** What the service tells of an adapter's objects. */

export function connection(handle: number, it: endpoint.Connection): wire.Connection {
  const { cid, role, local, remote, responderResources, initiatorDepth, privateData, queuePair } = it;
  const details = { role, local, remote, responderResources, initiatorDepth, privateData };
  return { handle, cid, ...details, hasQueuePair: queuePair !== undefined };
}

export function connectionStatus({ attributes, ...status }: endpoint.ConnectionStatus): wire.ConnectionStatus {
  return { ...status, attributes: queuePairAttributes(attributes) };
}

/** GIDs are bytes in a message, as they are here. */
export const queuePairAttributes = (attributes: AttributeValues): wire.QueuePairAttributes => ({ ...attributes });

export function request(handle: number, { cid, remote, local, privateData }: endpoint.ConnectionRequest): wire.Request {
  return { handle, cid, remote, local, privateData };
}

export function lookupRequest(handle: number, it: endpoint.LookupRequest): wire.LookupRequest {
  const { cid, remote, local, privateData, pKey } = it;
  return { handle, cid, remote, local, privateData, pKey };
}

export function datagram({ data, immediate, from }: endpoint.Datagram): wire.Datagram {
  return { data, immediate, ...from };
}

/** The message that caused it goes along as it was on the wire. */
export function cmEvent({ type, cause, cid, transmissions, message }: CmEvent): wire.CmEvent {
  if (message === undefined) return { type, cause, cid, transmissions };
  const mad = new Uint8Array(MAD_BYTES);
  encodeMad(message, mad);
  return { type, cause, cid, transmissions, mad };
}
