import { parseGid, SeededRandom } from 'ibcm/base';
import { CepManager } from 'ibcm/cep';
import { decodeMad, MAD_BYTES } from 'ibcm/wire';

/**
 * Two CEP managers in memory make a connection and end it. There is no network and no clock: this program carries the messages,
 * and says what time it is.
 */
const SERVICE = 0x1001n;
let now = 0; // microseconds

function openSide(name, address, caGuid) {
  // Outside of examples the random source must be unpredictable.
  const manager = new CepManager({ caGuid, random: new SeededRandom(Number(caGuid)) });
  return { name, gid: parseGid(address), manager, owner: manager.openOwner() };
}

const client = openSide('client', '10.0.0.1', 1n);
const server = openSide('server', '10.0.0.2', 2n);

const say = (text) => console.log(`${(now / 1000).toFixed(0).padStart(4)} ms  ${text}`);

/** Takes the messages of one side to the other. */
function carry(from, to) {
  let count = 0;
  for (let sent = from.manager.pollTransmit(); sent; sent = from.manager.pollTransmit()) {
    say(`${from.name} sends ${decodeMad(sent.mad).message}`);
    const wayBack = { port: 1, localGid: to.gid, remoteGid: from.gid, trafficClass: 0, sourcePort: 0 };
    to.manager.handleMad(sent.mad, 0, MAD_BYTES, wayBack, now);
    count += 1;
  }
  return count;
}

/** What is done about each event. The CID is the handle of the connection's endpoint (CEP). */
const answers = {
  req_received: ({ owner }, cid) => owner.sendRep(cid, { qpn: 0x200, startingPsn: 0 }, now),
  rep_received: ({ owner }, cid) => owner.sendRtu(cid, {}, now),
  rtu_received: ({ owner }, cid) => owner.sendDreq(cid, {}, now),
  dreq_received: ({ owner }, cid) => owner.sendDrep(cid, {}, now),
};

/** Reads the events of a side and answers them. */
function answer(side) {
  let count = 0;
  for (let event = side.owner.pollEvent(); event; event = side.owner.pollEvent()) {
    const { type, cid } = event; // the object is used again for the next event
    say(`${side.name} has ${type}, is in ${side.owner.state(cid)}`);
    answers[type]?.(side, cid);
    count += 1;
  }
  return count;
}

/** Until nothing moves any more. */
function settle() {
  while (carry(client, server) + carry(server, client) + answer(client) + answer(server) > 0);
}

server.owner.listen(server.owner.create(), { serviceId: SERVICE, backlog: 8 }, now);
const path = { localGid: client.gid, remoteGid: server.gid };
client.owner.sendReq(client.owner.create(), { path, serviceId: SERVICE, qpn: 0x100, startingPsn: 0 }, now);
settle();

// Only now does time pass: to the end of timewait.
const next = () => Math.min(client.manager.nextTimeout(), server.manager.nextTimeout());
while (next() < Number.POSITIVE_INFINITY) {
  now = next();
  for (const { manager } of [client, server]) manager.handleTimeout(now);
  settle();
}

for (const { owner } of [client, server]) owner.close(now);
console.log(`left over: ${client.manager.usage().ceps + server.manager.usage().ceps} CEPs`);
