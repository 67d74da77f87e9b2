import type { Service } from '../session/service.js';

export type { ClientView } from '../session/client-session.js';

/** What a service's operation needs of the service. */
export type ServiceView = Pick<Service, 'clients' | 'ownerOf' | 'drain' | 'check'>;
