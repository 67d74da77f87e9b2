import { Network } from './network.js';

/**
 * Peer to peer: nobody listens, both sides ask for the same service. The requests cross, the side with the smaller CA GUID gives
 * way and answers, and one connection comes of it.
 */
const SERVICE = 0x3001n;
const network = new Network();

for (const [side, qpn] of [
  [network.client, 0x100],
  [network.server, 0x200],
]) {
  const id = side.cm.createId((self, event) => {
    network.say(`${side.name}: ${event.type}`);
    // The request that has crossed is told to the ID that asked: it answers as it is, from the same queue pair.
    if (event.type === 'req_received') side.cm.sendRep(self, { qpn, startingPsn: 0 }, network.now);
    else if (event.type === 'rep_received') side.cm.sendRtu(self, {}, network.now);
    network.say(`${side.name}: ${side.cm.state(self)}`);
  }, side.name);
  const path = network.pathFrom(side);
  side.cm.sendReq(id, { path, serviceId: SERVICE, qpn, startingPsn: 0, peerToPeer: true }, network.now);
}

network.run();
network.close();
