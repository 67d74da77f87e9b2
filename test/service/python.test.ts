import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Service } from '../../src/service/index.js';
import { Program } from '../cli/program.js';
import { adapters, notLinux } from '../io/loopback.js';
import { listenAt } from './carriers.js';
import { nextOf, PORT } from './setting.js';

const PYTHON = process.env['IBCM_PYTHON'] ?? 'python3';
const CLIENT = fileURLToPath(new URL('../../examples/python/client.py', import.meta.url));
const hasGrpc = spawnSync(PYTHON, ['-c', 'import grpc, grpc_tools']).status === 0;

const open = adapters();

test.skipIf(notLinux || !hasGrpc)('a client in Python connects, sends, receives and disconnects', async () => {
  const [service, peer] = [new Service(await open()), await open()];
  const listening = await listenAt(service);
  const listener = await peer.listen({ port: PORT });
  const python = new Program(PYTHON, [CLIENT, listening.address, peer.address, String(PORT), 'ping']);
  const request = await nextOf(listener);
  expect(Buffer.from(request.privateData.subarray(0, 4)).toString()).toBe('ping');
  const connection = await request.accept();
  const message = await connection.receive();
  await connection.send(Buffer.from(`${Buffer.from(message?.data ?? []).toString()} pong`));
  const { status, lines, stderr } = await python.ended;
  expect({ status, lines, stderr }).toMatchObject({
    status: 0,
    lines: [
      `adapter ${service.adapter.address}`,
      `connected to ${peer.address} queue pair ${connection.local.qpn}`,
      'received ping pong',
      'disconnected',
    ],
  });
  expect(service.check()).toEqual([]);
  await service.close();
  await listening.close();
});
