import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { parseGid, type Random, ReferenceLedger } from 'ibcm/base';
import type { PortDriver } from 'ibcm/io';
import { MEMORY_ACCESS, type TransportLayer } from 'ibcm/transport';
import { QueuePairTable } from 'ibcm/verbs';

/** LID, queue pair number, starting PSN and GID, all in hexadecimal digits, and a zero. */
const INTRODUCTION = /^[0-9a-f]{4}:([0-9a-f]{6}):([0-9a-f]{6}):([0-9a-f]{32})\0$/;
const INTRODUCTION_BYTES = 52;
/** IBTA's code of 1,024 bytes. */
const MTU = 3;
const PATIENCE = { ackTimeout: 19, retryCount: 7, rnrRetryCount: 7, initiatorDepth: 1 } as const;

interface PingpongParts {
  readonly driver: PortDriver;
  readonly transport: TransportLayer;
  readonly random: Random;
}

/**
 * Our part of libibverbs' ibv_rc_pingpong and ibv_uc_pingpong, as their server: both sides say over TCP what their queue pairs are, without a connection
 * manager; then a message goes to and fro. Here each that comes is answered with another.
 * @param answer told of each message that has come; does not throw.
 */
export async function listenPingpong(
  { driver, transport, random }: PingpongParts,
  service: 'rc' | 'uc',
  { address, port, bytes }: { readonly address: string; readonly port: number; readonly bytes: number },
  answer: (message: Uint8Array) => Uint8Array,
): Promise<Server> {
  const queuePair = new QueuePairTable({ random, ledger: new ReferenceLedger() }).create({ transport: service });
  const domain = transport.allocateProtectionDomain();
  const completions = transport.createCompletionQueue(4);
  const queues = transport.attach(queuePair, { domain, sendCompletions: completions });
  const incoming = domain.register(new Uint8Array(bytes), { access: MEMORY_ACCESS.localWrite });
  const outgoing = domain.register(new Uint8Array(bytes));
  const receive = (): void => queues.postReceive({ id: 0, elements: [incoming.element()] });
  driver.onTurn(() => {
    for (let done = completions.poll(); done !== undefined; done = completions.poll()) {
      if (done.opcode !== 'receive' || done.status !== 'success') continue;
      outgoing.bytes.set(answer(incoming.bytes.subarray(0, done.byteLength)));
      receive();
      queues.postSend({ opcode: 'send', id: 0, elements: [outgoing.element()] }, driver.now());
    }
  });
  const localGid = parseGid(address);
  const server = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .once('readable', () => {
        const said = INTRODUCTION.exec(String(socket.read(INTRODUCTION_BYTES)));
        if (said === null) {
          socket.destroy();
          return;
        }
        const [, qpn, psn, gid] = said as unknown as [string, string, string, string];
        const remoteGid = parseGid(gid.replaceAll(/.{4}(?!$)/g, '$&:'));
        const path = { port: 1, localGid, remoteGid, trafficClass: 0, sourcePort: 0 };
        const peer = { path, mtu: MTU, destinationQpn: Number.parseInt(qpn, 16), receivePsn: Number.parseInt(psn, 16) };
        queuePair.modify({ state: 'INIT', pKey: 0xffff, port: 1 });
        queuePair.modify({ state: 'RTR', ...peer, ...(service === 'rc' && { responderResources: 1 }) });
        queuePair.modify({ state: 'RTS', sendPsn: 0, ...(service === 'rc' && PATIENCE) });
        receive();
        const ourQpn = queuePair.qpn.toString(16).padStart(6, '0');
        socket.end(`0000:${ourQpn}:000000:${Buffer.from(localGid).toString('hex')}\0`).resume();
      });
  });
  server.listen(port, address);
  await once(server, 'listening');
  return server;
}
