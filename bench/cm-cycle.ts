import { type Instant, ReferenceLedger } from 'ibcm/base';
import type { CepManager } from 'ibcm/cep';
import { type CmCallback, type CmId, CmInterface } from 'ibcm/cm';
import { CLIENT_GID, type Link, linkOfManagers, REST, SERVER_GID, SERVICE } from './link.js';
import type { Case } from './main.js';
import type { Subject } from './measure.js';

const QPN = 0x100;

/** A CM-only interface whose callbacks answer everything: the client connects and the server disconnects. */
class Side {
  readonly cm: CmInterface;
  gone = 0;
  constructor(manager: CepManager) {
    this.cm = new CmInterface(manager, new ReferenceLedger());
  }
}

/** The same connections as between CEP managers, by IDs and their callbacks. */
function cmCycles(): (times: number) => void {
  const link: Link = linkOfManagers();
  const client = new Side(link.client);
  const server = new Side(link.server);
  let now = 0 as Instant;
  const asking: CmCallback<Side> = (id, { type }) => {
    if (type === 'rep_received') {
      client.cm.sendRtu(id, {}, now);
      client.cm.sendDreq(id, {}, now);
    } else if (type === 'drep_received') return 'destroy';
    return undefined;
  };
  const answering: CmCallback<Side> = (id, { type }) => {
    if (type === 'dreq_received') {
      server.cm.sendDrep(id, {}, now);
      return 'destroy';
    }
    return undefined;
  };
  const whenGone = (side: Side): void => {
    side.gone += 1;
  };
  const listening: CmCallback<undefined> = (listener) => {
    const request = server.cm.getRequestEx(listener as CmId, answering, server, whenGone);
    if (request) server.cm.sendRep(request.id, { qpn: QPN, startingPsn: 2 }, now);
  };
  server.cm.listen(server.cm.createId(listening, undefined), { serviceId: SERVICE, backlog: 16 }, now);
  const path = { localGid: CLIENT_GID, remoteGid: SERVER_GID };

  return (times) => {
    client.gone = 0;
    server.gone = 0;
    for (let i = 0; i < times; i += 1) {
      const id = client.cm.createId(asking, client, whenGone);
      client.cm.sendReq(id, { path, serviceId: SERVICE, qpn: QPN, startingPsn: 1 }, now);
      while (link.deliver(now) > 0) {
        client.cm.poll(now);
        server.cm.poll(now);
      }
      now = (now + REST) as Instant;
      link.client.handleTimeout(now);
      link.server.handleTimeout(now);
    }
    if (client.gone !== times || server.gone !== times)
      throw new Error(`${times} connections began; ${client.gone} and ${server.gone} IDs are gone`);
  };
}

export const cmCycle = (reference: Subject): Case => ({
  name: 'connect and disconnect, CM-only interfaces',
  unit: 'µs',
  reference,
  run: cmCycles(),
});
