import { CepError } from '../cep/index.js';
import { type PortSpace, serviceIdOfPort } from '../wire/index.js';
import { checkInteger } from './check-integer.js';
import { EndpointError } from './error.js';

import type { EndpointId, EventHandler, EventRouter } from './router.js';

export interface ListenOptions {
  /** Port in the port space of rdma_cm, 1 to 65,535: TCP's for connections, UDP's for datagrams. */
  readonly port: number;
  /** The address of this adapter to listen on, if it has several. Default: all of them; who listens on one goes before who listens on all. */
  readonly address?: string;
  /** Requests that may wait to be answered, 1 to 65,535; those beyond are refused with "no resources". Default 1024. */
  readonly backlog?: number;
}

const DEFAULT_BACKLOG = 1024;
const BACKLOG_MAX = 65_535;

/** An ID that listens. The caller wakes the driver. @throws EndpointError `INVALID_ARGUMENT`, `PORT_IN_USE`; CepError `LIMIT_REACHED` */
export function openListen(
  router: EventRouter,
  handler: EventHandler,
  portSpace: PortSpace,
  { port, address, backlog = DEFAULT_BACKLOG }: ListenOptions,
): EndpointId {
  checkInteger('port', port, 1, 65_535);
  checkInteger('backlog', backlog, 1, BACKLOG_MAX);
  const adapterPort = address === undefined ? undefined : router.local.portOf('address', address);
  return router.open(handler, (cm, id, now) => {
    try {
      const serviceId = serviceIdOfPort(portSpace, port);
      cm.listen(id, { serviceId, backlog, ...(adapterPort !== undefined && { port: adapterPort }) }, now);
    } catch (error) {
      if (!(error instanceof CepError && error.code === 'LISTEN_CONFLICT')) throw error;
      throw new EndpointError(
        'PORT_IN_USE',
        `something listens on port ${port} of ${address ?? router.local.all.join(', ')} already`,
        { port },
        { cause: error },
      );
    }
  });
}
