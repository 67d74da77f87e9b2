import type { Adapter } from '../endpoint/index.js';
import { directLink } from './carrier/direct.js';
import { type ClientOptions, ServiceClient } from './client/service-client.js';
import { Service } from './session/service.js';

/**
 * An adapter of this process behind the interface that clients of a service have. For programs that are to run with a service and without.
 * @param service an adapter, which the client does not close, or a service of this process, of which the client is one more.
 * @throws ServiceError `UNAVAILABLE`, `LIMIT_REACHED` of a service.
 */
export async function openLocalService(
  service: Adapter | Service,
  options: ClientOptions = {},
): Promise<ServiceClient> {
  return ServiceClient.open(directLink(service instanceof Service ? service : new Service(service)), options);
}
