import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadPeerUser } from '../../../src/service/operations/peer-user.js';
import { freshFolder } from './fixture.js';

const NOBODY = 65_534;
const notLinux = process.platform !== 'linux';
const notRoot = process.getuid?.() !== 0;

/** A listening socket, and the next connection to it. */
async function listening(): Promise<{ path: string; connected: Promise<Socket> }> {
  const path = join(freshFolder(), 'a.sock');
  const server = createServer().listen(path);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  chmodSync(dirname(path), 0o755);
  chmodSync(path, 0o666);
  const connected = once(server, 'connection').then(([socket]) => socket as Socket);
  return { path, connected };
}

test.skipIf(notLinux)('our own user is known by its number', async () => {
  const { path, connected } = await listening();
  const ours = connect(path);
  const theirs = await connected;
  expect(loadPeerUser()(theirs)).toBe(process.getuid?.());
  for (const socket of [ours, theirs]) socket.destroy();
});

test.skipIf(notLinux || notRoot)('another user is known, too', async () => {
  const { path, connected } = await listening();
  const code = `require('node:net').connect(${JSON.stringify(path)}).on('close', () => process.exit())`;
  const child = spawn(process.execPath, ['-e', code], { uid: NOBODY, gid: NOBODY, cwd: '/', stdio: 'inherit' });
  const theirs = await connected;
  expect(loadPeerUser()(theirs)).toBe(NOBODY);
  theirs.destroy();
  await once(child, 'exit');
});

test('nobody is known where the system cannot be asked, or the connection is over', async () => {
  const { path, connected } = await listening();
  const ours = connect(path);
  const theirs = await connected;
  const missing = loadPeerUser(() => {
    throw new Error('no koffi');
  });
  expect(missing(theirs)).toBeUndefined();
  theirs.destroy();
  expect(loadPeerUser()(theirs)).toBeUndefined();
  ours.destroy();
});
