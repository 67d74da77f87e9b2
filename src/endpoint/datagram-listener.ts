import type { ListenOptions } from './listen.js';
import { LookupRequest } from './lookup-request.js';
import type { NumberSource } from './numbers.js';
import { RequestListener } from './request-listener.js';
import type { EndpointEvent, EndpointId, EventRouter } from './router.js';

/** Listens for those who look a datagram service up. See {@link RequestListener}. */
export class DatagramListener extends RequestListener<LookupRequest> {
  /** @internal Made by `Adapter.listenDatagram`. */
  constructor(router: EventRouter, options: ListenOptions, numbers: NumberSource) {
    super(router, 'udp', options, numbers);
  }

  /** @internal */
  protected override requestOf(id: EndpointId, mad: EndpointEvent['mad']): LookupRequest | undefined {
    if (mad?.message !== 'SIDR_REQ') return undefined;
    return LookupRequest.of(this.router, id, mad.fields, this.port, this.numbers);
  }
}
