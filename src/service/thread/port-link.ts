import type { MessagePort } from 'node:worker_threads';
import type { OpenLink } from '../client/caller.js';
import { ServiceError } from '../error.js';
import type { ServerMessage } from '../messages.js';
import { READ_STEP, type ToService } from './port-carrier.js';

/** The way to a service in another thread. Messages are copied. */
export function portLink(port: MessagePort): OpenLink {
  return (handler) => {
    let read = 0;
    const send = (message: ToService): void => port.postMessage(message);
    port.on('message', (message: ServerMessage) => {
      handler.receive(message);
      read += 1;
      if (read < READ_STEP) return;
      send({ read });
      read = 0;
    });
    port.on('close', () =>
      handler.lost(new ServiceError('DISCONNECTED', 'the service in the other thread has gone', {})),
    );
    return {
      send,
      close: () => {
        send('gone');
        port.close();
      },
    };
  };
}
