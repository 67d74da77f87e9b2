import type { ListenOptions } from './listen.js';
import type { NumberSource } from './numbers.js';
import { ConnectionRequest, readAddresses } from './request.js';
import { RequestListener } from './request-listener.js';
import type { EndpointEvent, EventRouter } from './router.js';

/** Listens for those who want to connect. See {@link RequestListener}. */
export class Listener extends RequestListener<ConnectionRequest> {
  /** @internal Made by `Adapter.listen`. */
  constructor(router: EventRouter, options: ListenOptions, numbers: NumberSource) {
    super(router, 'tcp', options, numbers);
  }

  /** @internal */
  protected override fetch(mad: EndpointEvent['mad']): ConnectionRequest | undefined {
    const fetched = this.router.fetchRequest(this.id);
    if (fetched === undefined) return undefined;
    const req = mad?.message === 'REQ' ? mad.fields : undefined;
    const header = req && readAddresses(req);
    if (req === undefined || header === undefined) {
      this.router.destroy(fetched.seat);
      return undefined;
    }
    const request = new ConnectionRequest(this.router, fetched, {
      req,
      header,
      port: this.port,
      numbers: this.numbers,
      onOver: () => this.queue.remove(request),
    });
    return request;
  }
}
