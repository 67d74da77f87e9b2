import { type CaGuid, type Instant, parseGid, ReferenceLedger, SeededRandom } from 'ibcm/base';
import { ChannelAdapter } from 'ibcm/ca';
import { MEMORY_ACCESS, PACKET_BYTES_MAX, TransportLayer, type WorkRequest } from 'ibcm/transport';
import { ACCESS, QueuePairTable } from 'ibcm/verbs';
import { dataPacket } from './floor.js';
import type { Case } from './main.js';

const NOW = 1_000 as Instant;
/** Requests that are posted together. */
const BATCH = 64;
const ACCESS_ALL = MEMORY_ACCESS.localWrite | ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;
const MTU_1024 = 3;

function openSide(seed: number) {
  const random = new SeededRandom(seed);
  const gid = parseGid(`10.0.0.${seed}`);
  const transport = new TransportLayer({ random });
  const adapter = new ChannelAdapter({ caGuid: BigInt(seed) as CaGuid, random, ports: [{ gid }], transport });
  const queuePair = new QueuePairTable({ random, ledger: new ReferenceLedger() }).create({ transport: 'rc' });
  const domain = transport.allocateProtectionDomain();
  const completions = transport.createCompletionQueue(4 * BATCH);
  const queues = transport.attach(queuePair, {
    domain,
    sendCompletions: completions,
    maxSend: BATCH,
    maxReceive: BATCH,
  });
  return { gid, adapter, queuePair, domain, completions, queues };
}
type Side = ReturnType<typeof openSide>;

function connect(own: Side, peer: Side): void {
  const path = { port: 1, localGid: own.gid, remoteGid: peer.gid, trafficClass: 0, sourcePort: 0 };
  own.queuePair.modify({ state: 'INIT', pKey: 0xffff, port: 1, accessFlags: ACCESS_ALL & ~1 });
  const receiving = { destinationQpn: peer.queuePair.qpn, receivePsn: 0, responderResources: 16 };
  own.queuePair.modify({ state: 'RTR', path, mtu: MTU_1024, ...receiving });
  const patience = { ackTimeout: 14, retryCount: 7, rnrRetryCount: 7 };
  own.queuePair.modify({ state: 'RTS', sendPsn: 0, initiatorDepth: 16, ...patience });
}

/** One request after the other, in batches, over a network that loses nothing. */
function requests(opcode: 'send' | 'rdmaWrite' | 'rdmaRead', length: number): (times: number) => void {
  const [client, server] = [openSide(1), openSide(2)];
  connect(client, server);
  connect(server, client);
  const from = client.domain.register(new Uint8Array(length), { access: ACCESS_ALL });
  const to = server.domain.register(new Uint8Array(length), { access: ACCESS_ALL });
  const receive = { elements: [to.element()] };
  const elements = [from.element()];
  const request: WorkRequest =
    opcode === 'send' ? { opcode, elements } : { opcode, elements, remoteAddress: to.address, rkey: to.rkey };
  const packet = new Uint8Array(PACKET_BYTES_MAX);
  const sources = [client, server].map(({ gid }) => ({
    port: 1,
    remoteGid: gid,
    sourcePort: 4_791,
    identification: 0,
  }));
  const carry = (sender: Side, receiver: Side, source: (typeof sources)[number]): boolean => {
    let busy = false;
    for (let sent = sender.adapter.pollTransmit(packet, 0); sent; sent = sender.adapter.pollTransmit(packet, 0)) {
      receiver.adapter.handleDatagram(packet, 0, sent.length, source, NOW);
      busy = true;
    }
    return busy;
  };
  const [toServer, toClient] = sources as [(typeof sources)[number], (typeof sources)[number]];
  return (times) => {
    for (let left = times; left > 0; left -= BATCH) {
      const count = Math.min(BATCH, left);
      for (let i = 0; i < count; i += 1) {
        if (opcode === 'send') server.queues.postReceive(receive);
        client.queues.postSend(request, NOW);
      }
      for (let busy = true; busy; ) {
        busy = carry(client, server, toServer);
        if (carry(server, client, toClient)) busy = true;
      }
      let done = 0;
      for (let each = client.completions.poll(); each; each = client.completions.poll()) {
        if (each.status === 'success') done += 1;
      }
      while (server.completions.poll());
      if (done !== count) throw new Error(`${done} of ${count} requests were done`);
    }
  };
}

const LONG = dataPacket(1_024);
const SHORT = dataPacket(64);

export const DATA: readonly Case[] = [
  { name: 'write of 1,024 bytes', unit: 'µs', reference: LONG, run: requests('rdmaWrite', 1_024) },
  { name: 'read of 1,024 bytes', unit: 'µs', reference: LONG, run: requests('rdmaRead', 1_024) },
  { name: 'send of 1,024 bytes', unit: 'µs', reference: LONG, run: requests('send', 1_024) },
  { name: 'send of 64 bytes', unit: 'µs', reference: SHORT, run: requests('send', 64) },
];
