import { type Instant, SeededRandom } from 'ibcm/base';
import { PACKET_BYTES_MAX, type WorkRequest } from 'ibcm/transport';
import { dataPacket } from './floor.js';
import type { Case } from './main.js';
import { ACCESS_ALL, connectSide, MTU_CODES, openSide, type QueuePairSide } from './queue-pair.js';
import { filled } from './raw-loopback.js';

const NOW = 1_000 as Instant;
/** Requests that are posted together. */
const BATCH = 64;

/** One request after the other, in batches, over a network that loses nothing. */
function requests(opcode: 'send' | 'rdmaWrite' | 'rdmaRead', length: number): (times: number) => void {
  const [client, server] = [1, 2].map((i) => openSide(`10.0.0.${i}`, new SeededRandom(i), BATCH)) as [
    QueuePairSide,
    QueuePairSide,
  ];
  connectSide(client, server, MTU_CODES[1_024]);
  connectSide(server, client, MTU_CODES[1_024]);
  const from = client.domain.register(filled(length), { access: ACCESS_ALL });
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
  const carry = (sender: QueuePairSide, receiver: QueuePairSide, source: (typeof sources)[number]): boolean => {
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
