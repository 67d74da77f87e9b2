import { chown, lstat, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
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
/** What `sockaddr_un` has room for, on Linux and elsewhere, before the byte that ends it. What is longer is cut off without a word. */
const PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;

/**
 * Listens on a Unix socket that only its owner (mode 0600), and a group if one is named (0660), can connect to. The socket that a service that was killed
 * left there is removed; anything else is not touched.
 * @throws ServiceError `UNAVAILABLE` when a service listens there already, `CONFIGURATION` when the path cannot be had.
 */
export async function listenUnix(path: string, { gid }: UnixSocketOptions = {}): Promise<Server> {
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_BYTES_MAX) {
    const text = `${path} is too long for a Unix socket: it has ${bytes} bytes, and may have ${PATH_BYTES_MAX}`;
    throw new ServiceError('CONFIGURATION', text, { path });
  }
  if (await answers(path)) throw new ServiceError('UNAVAILABLE', `a service listens on ${path} already`, { path });
  const server = createServer();
  try {
    await removeLeftover(path);
    await bind(server, path, gid === undefined ? OWNER_ONLY : OWNER_AND_GROUP);
    if (gid !== undefined) await chown(path, KEEP_USER, gid);
    return server;
  } catch (error) {
    server.close();
    if (error instanceof ServiceError) throw error;
    const text = `${path} cannot be listened on: ${systemCode(error) ?? String(error)}`;
    throw new ServiceError('CONFIGURATION', text, { path }, { cause: error });
  }
}

async function removeLeftover(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket()) return await unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return await checkFolder(dirname(path));
  }
  throw new ServiceError('CONFIGURATION', `${path} is there already, and no socket`, { path });
}

/** Node says `EACCES` of a folder that is not there. */
async function checkFolder(folder: string): Promise<void> {
  await stat(folder).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new ServiceError('CONFIGURATION', `there is no folder ${folder} for the socket`, { path: folder });
  });
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
