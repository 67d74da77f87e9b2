import type { Listener, ListenOptions } from '../endpoint/index.js';
import type { ServiceListener } from '../service/index.js';
import { preferIpv4Loopback } from './addresses.js';
import type { HostAndPort } from './arguments.js';
import { EventPrinter } from './event-printer.js';
import type { CommandRequest } from './opened.js';
import { Session, type SessionOptions } from './session.js';
import { styleFor } from './style.js';

export interface ServeOptions extends SessionOptions {
  /** End after so many requests; default: on Ctrl-C. */
  readonly count?: number;
  readonly json?: boolean;
}

/** What an answer needs beside its request. */
export interface Serving {
  readonly printer: EventPrinter;
  readonly session: Session;
}

/** Listens where the user says, and answers requests. @returns the status to exit with. */
export async function serveConnections(
  { host, port }: HostAndPort,
  options: ServeOptions & Pick<ListenOptions, 'backlog'>,
  answer: (request: CommandRequest, serving: Serving) => Promise<void>,
): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  const { backlog, count } = options;
  return session.run(async () => {
    await using opened = await session.open(preferIpv4Loopback(host));
    const listener = await opened.adapter.listen({ port, ...opened.at, ...(backlog !== undefined && { backlog }) });
    printer.print('listening', { address: listener.address, port });
    session.signal.addEventListener('abort', () => listener.close(), { once: true });
    await serveRequests(listener, count, { printer, session }, answer);
    return 0;
  });
}

/** Answers requests, several at once, until `count` have come or the listener is closed, and all are done with. */
async function serveRequests(
  listener: Listener | ServiceListener,
  count: number | undefined,
  serving: Serving,
  answer: (request: CommandRequest, serving: Serving) => Promise<void>,
): Promise<void> {
  const going = new Set<Promise<void>>();
  let left = count ?? Number.POSITIVE_INFINITY;
  for await (const request of listener) {
    const answered = answer(request, serving)
      .catch((error: unknown) => {
        if (error !== serving.session.signal.reason) serving.printer.printError(error);
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
