import { SIDR_STATUSES } from 'ibcm/wire';
import { Network } from './network.js';

/** Service ID resolution (SIDR): who wants to send datagrams to a service asks which queue pair serves it. */
const CLOCK = 0x2001n;
const NOBODY = 0x2002n;
const network = new Network();
const { client, server } = network;

const listener = server.cm.createId((id, event) => {
  network.say(`server: ${event.type}`);
  const question = server.cm.getRequest(id);
  if (question === undefined) return;
  server.cm.sendSidrRep(question.id, { qpn: 0x42, qKey: 0x8001_0000 }, network.now);
  // One question, one answer.
  server.cm.destroyId(question.id, network.now);
}, 'clock');
server.cm.listen(listener, { serviceId: CLOCK, backlog: 8 }, network.now);

for (const serviceId of [CLOCK, NOBODY]) {
  const id = client.cm.createId((_, event) => {
    const { status, qpn } = event.message.fields;
    const answer =
      status === SIDR_STATUSES.valid ? `queue pair 0x${qpn.toString(16)}` : `status ${status}, no such service`;
    network.say(`client: 0x${serviceId.toString(16)} is ${answer}`);
    return 'destroy';
  }, undefined);
  client.cm.sendSidrReq(id, { path: network.pathFrom(client), serviceId }, network.now);
}

network.run();
network.close();
