import { chown, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { systemCode } from '../../io/index.js';
import { ServiceError } from '../error.js';

export interface UnixSocketOptions {
  /** The number of a group whose members may connect, too. Default: only the user that runs the service. */
  readonly gid?: number;
}

/** Of a socket: who may connect may write. */
const OWNER_ONLY = 0o600;
const OWNER_AND_GROUP = 0o660;
const KEEP_USER = -1;

/**
 * Listens on a Unix socket that only its owner (mode 0600), and a group if one is named (0660), can connect to. What a service that was killed left
 * there is removed.
 * @throws ServiceError `UNAVAILABLE` when a service listens there already, `CONFIGURATION` when the path cannot be had.
 */
export async function listenUnix(path: string, { gid }: UnixSocketOptions = {}): Promise<Server> {
  if (await answers(path)) throw new ServiceError('UNAVAILABLE', `a service listens on ${path} already`, { path });
  const server = createServer();
  try {
    await unlink(path).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
    });
    await bind(server, path, gid === undefined ? OWNER_ONLY : OWNER_AND_GROUP);
    if (gid !== undefined) await chown(path, KEEP_USER, gid);
    return server;
  } catch (error) {
    server.close();
    const text = `${path} cannot be listened on: ${systemCode(error) ?? String(error)}`;
    throw new ServiceError('CONFIGURATION', text, { path }, { cause: error });
  }
}

/** The socket has its mode from the beginning: there is no moment at which others can connect. */
function bind(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const umask = process.umask(0o777 & ~mode);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

/** Whether somebody listens. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
