import type { ConnectionRequest, Listener } from '../endpoint/index.js';
import type { EventPrinter } from './event-printer.js';
import type { Session } from './session.js';

/** Answers requests, several at once, until `count` have come or the listener is closed, and all are done with. */
export async function serveRequests(
  listener: Listener,
  count: number | undefined,
  printer: EventPrinter,
  session: Session,
  answer: (request: ConnectionRequest) => Promise<void>,
): Promise<void> {
  const going = new Set<Promise<void>>();
  let left = count ?? Number.POSITIVE_INFINITY;
  for await (const request of listener) {
    const answered = answer(request)
      .catch((error: unknown) => {
        if (error !== session.signal.reason) printer.printError(error);
      })
      .finally(() => going.delete(answered));
    going.add(answered);
    left -= 1;
    if (left <= 0) break;
  }
  // Who comes too late should hear it at once.
  listener.close();
  await Promise.all(going);
}
