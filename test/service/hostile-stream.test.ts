import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { CLIENT_MESSAGE } from '../../src/service/grpc/codec.js';
import { connectService, GrpcFront, type GrpcFrontOptions, listenUnix, Service } from '../../src/service/index.js';
import type { ClientMessage } from '../../src/service/messages.js';
import { adapters, cleanUp, notLinux } from '../io/loopback.js';
import { freshFolder } from './operations/fixture.js';

const open = adapters();
const { later } = cleanUp();
const SESSION = { ':method': 'POST', ':path': '/ibcm.v1.Ibcm/Session', 'content-type': 'application/grpc' };

async function served(options: GrpcFrontOptions = {}): Promise<{ service: Service; path: string }> {
  const service = new Service(await open());
  const front = new GrpcFront(service, options);
  const path = `${freshFolder()}/socket`;
  const server = await listenUnix(path);
  front.attach(server);
  later(async () => {
    await service.close();
    server.close();
    front.close();
  });
  return { service, path };
}

/** A connection whose streams have so much room for what the service sends. */
function connected(path: string, initialWindowSize: number): ClientHttp2Session {
  const session = connectHttp2('http://service', {
    createConnection: () => connect(path),
    settings: { initialWindowSize },
  });
  session.on('error', () => undefined);
  later(() => session.destroy());
  return session;
}

function stream(session: ClientHttp2Session, ...messages: readonly ClientMessage[]): ClientHttp2Stream {
  const opened = session.request(SESSION, { endStream: false });
  opened.on('error', () => undefined);
  for (const message of messages) {
    const bytes = CLIENT_MESSAGE.encode(message);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(bytes.length, 1);
    opened.write(Buffer.concat([head, bytes]));
  }
  return opened;
}

test.skipIf(notLinux).each([
  ['does not read', 0],
  ['does not end its streams', 65_535],
])('nothing is kept for a client that was sent away and %s', async (_, initialWindowSize) => {
  const { service, path } = await served();
  const session = connected(path, initialWindowSize);
  const hello: ClientMessage = { callId: 0, body: 'hello', hello: { name: 'hostile' } };
  const streams = Array.from({ length: 4 }, () => stream(session, hello, hello).resume());
  await Promise.all(streams.map((each) => once(each, 'close')));
  expect(streams.map(({ rstCode }) => rstCode)).toEqual(Array(4).fill(constants.NGHTTP2_CANCEL));
  expect([...service.clients]).toEqual([]);
});

test.skipIf(notLinux)('a connection without a stream is closed', async () => {
  const { path } = await served({ idleMs: 50 });
  const socket = connect(path);
  later(() => socket.destroy());
  socket.resume();
  await once(socket, 'close');
});

test.skipIf(notLinux)('connections beyond as many as there may be are closed, and the others are served', async () => {
  const { path } = await served({ maxConnections: 2 });
  const client = await connectService({ address: `unix:${path}` });
  later(() => client.close());
  const sockets = Array.from({ length: 4 }, () => connect(path).resume());
  let closed = 0;
  for (const socket of sockets) {
    later(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => {
      closed += 1;
    });
  }
  await vi.waitFor(() => expect(closed).toBe(3));
  (await client.listen({ port: 1 })).close();
});
