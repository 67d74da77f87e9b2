import type * as endpoint from '../../endpoint/index.js';
import type { AttributeValues } from '../../verbs/index.js';
import type {
  Connection,
  ConnectionStatus,
  Datagram,
  LookupRequest,
  QueuePairAttributes,
  Request,
} from '../messages.js';

/** What the service tells of an adapter's objects. */

export function connection(handle: number, it: endpoint.Connection): Connection {
  const { cid, role, local, remote, responderResources, initiatorDepth, privateData, queuePair } = it;
  const details = { role, local, remote, responderResources, initiatorDepth, privateData };
  return { handle, cid, ...details, hasQueuePair: queuePair !== undefined };
}

export function connectionStatus({ attributes, ...status }: endpoint.ConnectionStatus): ConnectionStatus {
  return { ...status, attributes: queuePairAttributes(attributes) };
}

/** GIDs are bytes in a message, as they are here. */
export const queuePairAttributes = (attributes: AttributeValues): QueuePairAttributes => ({ ...attributes });

export function request(handle: number, { cid, remote, local, privateData }: endpoint.ConnectionRequest): Request {
  return { handle, cid, remote, local, privateData };
}

export function lookupRequest(handle: number, it: endpoint.LookupRequest): LookupRequest {
  const { cid, remote, local, privateData, pKey } = it;
  return { handle, cid, remote, local, privateData, pKey };
}

export function datagram({ data, immediate, from }: endpoint.Datagram): Datagram {
  return { data, immediate, ...from };
}
