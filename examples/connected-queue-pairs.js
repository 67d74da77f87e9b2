import { SeededRandom } from 'ibcm/base';
import { ConnectedQueuePairs } from 'ibcm/qp';
import { QueuePairTable } from 'ibcm/verbs';
import { Network } from './network.js';

/** Queue pairs that the connection manager leads: RESET, INIT, RTR, RTS, and back when the connection ends. */
const SERVICE = 0x3001n;
const network = new Network();

/** Each side has a table of queue pairs, on the ledger that knows who keeps what alive. */
function connectedQueuePairs({ cm, ledger }, seed) {
  return new ConnectedQueuePairs({
    cm,
    queuePairs: new QueuePairTable({ random: new SeededRandom(seed), ledger }),
    ledger,
  });
}
const client = connectedQueuePairs(network.client, 1);
const server = connectedQueuePairs(network.server, 2);

function tell(queuePair, event) {
  network.say(`${queuePair.context}: ${event.type}, ${queuePair.state}`);
  // In RESET it could be connected again; nobody wants that here.
  if (event.type === 'timewait_exit')
    queuePair.destroy(network.now, () => network.say(`${queuePair.context}: queue pair gone`));
}

const listener = network.server.cm.createId((id) => {
  const request = server.getRequest(id);
  if (request === undefined) return;
  const queuePair = server.create({ transport: 'rc', context: 'server', callback: tell });
  queuePair.accept(request, { startingPsn: 7 }, network.now);
  network.say(`server: accepted, ${queuePair.state}`);
}, 'listener');
network.server.cm.listen(listener, { serviceId: SERVICE, backlog: 8 }, network.now);

const queuePair = client.create({
  transport: 'rc',
  context: 'client',
  callback: (own, event) => {
    tell(own, event);
    // Answered already: the queue pair can send.
    if (event.type === 'rep_received') own.disconnect({}, network.now);
  },
});
queuePair.connect({ path: network.pathFrom(network.client), serviceId: SERVICE, startingPsn: 5 }, network.now);
network.say(`client: asked, ${queuePair.state}`);

network.run();
network.close();
