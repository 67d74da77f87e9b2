import type { MessagePort } from 'node:worker_threads';
import type { ClientMessage } from '../messages.js';
import type { Service } from '../session/service.js';

/** Messages that may be in a port, sent and not read: ports themselves have no bound. */
const WINDOW = 256;
/** The other side is told so often that there is room again. */
export const READ_STEP = WINDOW / 4;

/** What goes from a client to the service: a message of it, how many it has read, or, as the last, that the client has gone. */
export type ToService = ClientMessage | { readonly read: number } | 'gone';

/**
 * Serves the client at the other end of a port, until the port is closed.
 * @throws as {@link Service.open}.
 */
export function servePort(service: Service, port: MessagePort): void {
  let unread = 0;
  const session = service.open({
    send: (message) => {
      port.postMessage(message);
      unread += 1;
      return unread < WINDOW;
    },
    // What is in the port is bounded by the calls that a client may have.
    pause: () => undefined,
    resume: () => undefined,
    close: () => port.close(),
  });
  port.on('message', (message: ToService) => {
    if (message === 'gone') session.end();
    else if ('read' in message && typeof message.read === 'number') {
      unread -= message.read;
      session.drained();
    } else session.receive(message as ClientMessage);
  });
  port.on('close', () => session.end());
}
