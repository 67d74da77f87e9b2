import type { ListenOptions } from './listen.js';
import { LookupRequest } from './lookup-request.js';
import type { NumberSource } from './numbers.js';
import { RequestListener } from './request-listener.js';
import type { EndpointEvent, EventRouter } from './router.js';

/** Listens for those who look a datagram service up. See {@link RequestListener}. */
export class DatagramListener extends RequestListener<LookupRequest> {
  /** @internal Made by `Adapter.listenDatagram`. */
  constructor(router: EventRouter, options: ListenOptions, numbers: NumberSource) {
    super(router, 'udp', options, numbers);
  }

  /** @internal */
  protected override fetch(mad: EndpointEvent['mad']): LookupRequest | undefined {
    const id = this.router.fetch(this.id);
    if (id === undefined) return undefined;
    const question = mad?.message === 'SIDR_REQ' ? mad.fields : undefined;
    const request = question && LookupRequest.of(this.router, id, question, this.port, this.numbers);
    if (request === undefined) this.router.destroy(id);
    return request;
  }
}
