import type { OpenLink } from '../client/caller.js';
import type { Service } from '../session/service.js';

/**
 * The way to a service in the same thread: messages are handed over as they are, in their order, after the call that sends them has returned. @throws as
 * {@link Service.open}.
 */
export function directLink(service: Service): OpenLink {
  return (handler) => {
    let isOpen = true;
    const later = (run: () => void): void => queueMicrotask(() => isOpen && run());
    const session = service.open({
      send: (message) => {
        later(() => handler.receive(message));
        return true;
      },
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
    });
    return {
      send: (message) => later(() => session.receive(message)),
      close: () => {
        isOpen = false;
        session.end();
      },
    };
  };
}
