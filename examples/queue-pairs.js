import { parseGid, ReferenceLedger, SeededRandom } from 'ibcm/base';
import { ChannelAdapter } from 'ibcm/ca';
import { MEMORY_ACCESS, PACKET_BYTES_MAX, TransportLayer } from 'ibcm/transport';
import { ACCESS, QueuePairTable } from 'ibcm/verbs';

/** Two queue pairs that move data, without a connection manager: each side is told of the other by hand. */
let now = 0;
const text = (bytes) => new TextDecoder().decode(bytes);

/** An adapter with a queue pair, and memory that the peer may work on. */
function openSide(name, address, seed) {
  // Outside of examples the random source must be unpredictable.
  const random = new SeededRandom(seed);
  const gid = parseGid(address);
  const transport = new TransportLayer({ random });
  const adapter = new ChannelAdapter({ caGuid: BigInt(seed), random, ports: [{ gid }], transport });
  const queuePair = new QueuePairTable({ random, ledger: new ReferenceLedger() }).create({ transport: 'rc' });
  const domain = transport.allocateProtectionDomain();
  const completions = transport.createCompletionQueue(16);
  const queues = transport.attach(queuePair, { domain, sendCompletions: completions });
  const access = MEMORY_ACCESS.localWrite | ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;
  const memory = domain.register(new Uint8Array(64), { access });
  return { name, gid, adapter, queuePair, completions, queues, memory };
}

const client = openSide('client', '10.0.0.1', 1);
const server = openSide('server', '10.0.0.2', 2);

/** What the CM's messages would say (INIT, RTR, RTS). */
function connect(own, peer) {
  const path = { port: 1, localGid: own.gid, remoteGid: peer.gid, trafficClass: 0, sourcePort: 0 };
  const accessFlags = ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;
  own.queuePair.modify({ state: 'INIT', pKey: 0xffff, port: 1, accessFlags });
  const destinationQpn = peer.queuePair.qpn;
  own.queuePair.modify({ state: 'RTR', path, mtu: 3, destinationQpn, receivePsn: 0, responderResources: 4 });
  const patience = { ackTimeout: 14, retryCount: 7, rnrRetryCount: 7 };
  own.queuePair.modify({ state: 'RTS', sendPsn: 0, initiatorDepth: 4, ...patience });
}
connect(client, server);
connect(server, client);

/** Carries packets from one side to the other, and lets time pass, until nothing is left to be done. */
function run() {
  const packet = new Uint8Array(PACKET_BYTES_MAX);
  for (;;) {
    for (let busy = true; busy; ) {
      busy = false;
      for (const [from, to] of [
        [client, server],
        [server, client],
      ]) {
        const sent = from.adapter.pollTransmit(packet, 0);
        if (sent === undefined) continue;
        const source = { port: 1, remoteGid: from.gid, sourcePort: sent.sourcePort };
        to.adapter.handleDatagram(packet, 0, sent.length, source, now);
        busy = true;
      }
    }
    for (const side of [client, server]) tell(side);
    now = Math.min(client.adapter.nextTimeout(), server.adapter.nextTimeout());
    if (now === Number.POSITIVE_INFINITY) return;
    for (const { adapter } of [client, server]) adapter.handleTimeout(now);
  }
}

function tell({ name, completions, memory }) {
  for (let done = completions.poll(); done; done = completions.poll()) {
    const what = done.opcode === 'receive' ? `: "${text(memory.bytes.subarray(0, done.byteLength))}"` : '';
    console.log(`${name}: ${done.opcode} ${done.id}, ${done.status}${what}`);
  }
}

// The server says where its memory is. The client has posted a receive for that.
const where = { remoteAddress: server.memory.address, rkey: server.memory.rkey };
client.queues.postReceive({ id: 1, elements: [client.memory.element()] });
server.queues.postSend({ opcode: 'send', id: 1, inline: new TextEncoder().encode('write here') }, now);
run();

// The client writes there, counts there, and reads it back. A fence keeps the read behind the atomic.
const data = new TextEncoder().encode('hello');
client.queues.postSend({ opcode: 'rdmaWrite', id: 2, inline: data, ...where }, now);
const counter = { ...where, remoteAddress: where.remoteAddress + 8 };
client.queues.postSend(
  { opcode: 'fetchAndAdd', id: 3, elements: [client.memory.element(56, 8)], add: 7n, ...counter },
  now,
);
client.queues.postSend(
  { opcode: 'rdmaRead', id: 4, elements: [client.memory.element(0, 16)], fence: true, ...where },
  now,
);
run();
console.log(`server's memory: "${text(server.memory.bytes.subarray(0, 5))}", ${server.memory.bytes[8]}`);
console.log(`client has read: "${text(client.memory.bytes.subarray(0, 5))}", ${client.memory.bytes[8]}`);

// What the server does not allow breaks the connection, and touches nothing.
client.queues.postSend({ opcode: 'rdmaWrite', id: 5, inline: data, ...where, rkey: 0 }, now);
run();
console.log(`client: ${client.queuePair.state}, server: ${server.queuePair.state}`);
