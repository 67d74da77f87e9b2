import { Network } from './network.js';

/** One connection over the CM-only interface: IDs, each with a callback. docs/cm-interface.md has all calls and events. */
const SERVICE = 0x1001n;
const network = new Network();
const { client, server } = network;

const textOf = (message) => new TextDecoder().decode(message.fields.privateData).replace(/\0+$/, '');
const bytesOf = (text) => new TextEncoder().encode(text);

/** What the server does with a connection that it has accepted. The context of its ID is the connection's name. */
function onServerEvent(id, event) {
  network.say(`${id.context}: ${event.type}`);
  if (event.type === 'dreq_received') server.cm.sendDrep(id, {}, network.now);
  // The queue pair may be used again, and nobody needs the ID any more.
  return event.type === 'timewait_exit' ? 'destroy' : 'success';
}

const listener = server.cm.createId((id) => {
  // A request was told: it is fetched with a callback and a context of its own.
  const request = server.cm.getRequestEx(id, onServerEvent, 'server', (context) => network.say(`${context}: gone`));
  if (request === undefined) return;
  network.say(`server: asked by "${textOf(request.event.message)}"`);
  server.cm.sendRep(request.id, { qpn: 0x200, startingPsn: 0, privateData: bytesOf('welcome') }, network.now);
}, 'listener');
server.cm.listen(listener, { serviceId: SERVICE, backlog: 8 }, network.now);

const id = client.cm.createId((self, event) => {
  network.say(`client: ${event.type}`);
  if (event.type === 'rep_received') {
    network.say(`client: told "${textOf(event.message)}"`);
    const { destinationQpn, mtu } = client.cm.getQpAttr(self, 'RTR', network.now);
    network.say(`client: the queue pair goes to RTR, towards 0x${destinationQpn.toString(16)}, with MTU code ${mtu}`);
    client.cm.sendRtu(self, {}, network.now);
    client.cm.sendDreq(self, {}, network.now);
  }
}, 'client');
const path = network.pathFrom(client);
const privateData = bytesOf('hello');
client.cm.sendReq(id, { path, serviceId: SERVICE, qpn: 0x100, startingPsn: 0, privateData }, network.now);

network.run();
network.close();
