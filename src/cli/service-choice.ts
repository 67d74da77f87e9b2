import type { Command } from 'commander';
import type { ServiceClient } from '../service/index.js';

/** Which service a command uses: the one with this socket; none (`false`); or, left out, the one that owns the address. */
export interface ServiceChoice {
  readonly service?: string | false;
}

export function addServiceChoice(command: Command): Command {
  return command
    .option(
      '--service <path>',
      'use the service with this Unix socket (default: one that owns the address, if there is one)',
    )
    .option('--no-service', 'use no service, even if one owns the address');
}

/** A client of the service with a socket. @throws ServiceError `UNAVAILABLE` */
export async function connectTo(socket: string): Promise<ServiceClient> {
  // Most commands do without, and loading it takes longer than they do.
  const { connectService } = await import('../service/index.js');
  return connectService({ address: `unix:${socket}`, name: 'ibcm' });
}

/** A service that answers where services are looked for. */
export interface RunningService {
  readonly socket: string;
  readonly pid: number;
  readonly addresses: readonly string[];
}

/** The services that run where services are looked for. */
export async function* runningServices(): AsyncGenerator<RunningService, void> {
  const { AdminClient, ServiceError, socketsToTry } = await import('../service/index.js');
  for (const socket of socketsToTry(process.env)) {
    using client = new AdminClient(socket);
    try {
      const { pid, addresses } = await client.status();
      yield { socket, pid, addresses };
    } catch (error) {
      // Nobody is there, or nobody who lets us in: then it does not help.
      if (!(error instanceof ServiceError)) throw error;
    }
  }
}

/** The socket of the service that owns an address, if one of those that run where services are looked for does. */
export async function socketOfOwner(address: string): Promise<string | undefined> {
  for await (const { socket, addresses } of runningServices()) {
    if (addresses.includes(address)) return socket;
  }
  return undefined;
}
