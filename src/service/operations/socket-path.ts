import { homedir } from 'node:os';
import { join } from 'node:path';

/** The socket of the machine's own service. */
export const SYSTEM_SOCKET = '/run/ibcm/ibcm.sock';
const NAME = 'ibcm.sock';

/** Where a user's own service is: a place that nobody else can write to. */
const userSocket = ({ XDG_RUNTIME_DIR: folder }: NodeJS.ProcessEnv): string =>
  folder === undefined || folder === '' ? join(homedir(), `.${NAME}`) : join(folder, NAME);

/** Where a service listens if it is not told: in the folder that systemd made for it, else in root's, else in the user's. */
export function defaultSocket(environment: NodeJS.ProcessEnv): string {
  const [folder] = environment['RUNTIME_DIRECTORY']?.split(':') ?? [];
  if (folder !== undefined && folder !== '') return join(folder, NAME);
  return process.getuid?.() === 0 ? SYSTEM_SOCKET : userSocket(environment);
}

/** Where clients look for a service if they are not told: `IBCM_SOCKET`, else the user's own, else the machine's. */
export function socketsToTry(environment: NodeJS.ProcessEnv): readonly string[] {
  const named = environment['IBCM_SOCKET'];
  if (named !== undefined && named !== '') return [named];
  return [
    ...new Set([
      defaultSocket({ ...environment, RUNTIME_DIRECTORY: undefined }),
      userSocket(environment),
      SYSTEM_SOCKET,
    ]),
  ];
}
