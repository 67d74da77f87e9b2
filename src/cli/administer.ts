import { Option } from 'commander';
import { AdminClient, ServiceError, socketsToTry } from '../service/index.js';

export const serviceOption = (): Option =>
  new Option('--service <path>', "the service's Unix socket (default: IBCM_SOCKET, else where ibcm serve puts it)");

/** Does something with a running service: the one that is named, or the first that answers. @throws ServiceError `UNAVAILABLE` if there is none. */
export async function administer<Result>(
  named: string | undefined,
  work: (client: AdminClient) => Promise<Result>,
): Promise<Result> {
  const sockets = named === undefined ? socketsToTry(process.env) : [named];
  let forbidden: ServiceError | undefined;
  for (const socket of sockets) {
    using client = new AdminClient(socket);
    const refusal = await refusalOf(client);
    if (refusal === undefined) return await work(client);
    if ('why' in refusal.details && refusal.details.why === 'forbidden') forbidden ??= refusal;
  }
  if (forbidden !== undefined) throw forbidden;
  const text = `no service answers on ${sockets.join(' or ')}: start one with "ibcm serve", or name its socket with --service`;
  throw new ServiceError('UNAVAILABLE', text, { sockets });
}

/** @returns undefined if a service answers. */
async function refusalOf(client: AdminClient): Promise<ServiceError | undefined> {
  try {
    await client.status();
    return undefined;
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'UNAVAILABLE') return error;
    throw error;
  }
}
