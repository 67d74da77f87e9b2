import { type Instant, ReferenceLedger, SeededRandom } from 'ibcm/base';
import type { CepManager } from 'ibcm/cep';
import { CmInterface } from 'ibcm/cm';
import { ConnectedQueuePairs, type QpCallback } from 'ibcm/qp';
import { QueuePairTable } from 'ibcm/verbs';
import { CLIENT_GID, linkOfManagers, REST, SERVER_GID, SERVICE } from './link.js';
import type { Case } from './main.js';
import type { Subject } from './measure.js';

/** A side with connected queue pairs, and how many of them are gone. */
class Side {
  readonly cm: CmInterface;
  readonly queuePairs: ConnectedQueuePairs;
  gone = 0;

  constructor(manager: CepManager, seed: number) {
    const ledger = new ReferenceLedger();
    this.cm = new CmInterface(manager, ledger);
    const queuePairs = new QueuePairTable({ random: new SeededRandom(seed), ledger });
    this.queuePairs = new ConnectedQueuePairs({ cm: this.cm, queuePairs, ledger });
  }
}

/** The same connections between queue pairs, which are led to RTS, to ERR and to RESET, and destroyed when timewait is over. */
function qpCycles(): (times: number) => void {
  const link = linkOfManagers();
  const client = new Side(link.client, 1);
  const server = new Side(link.server, 2);
  let now = 0 as Instant;
  const follow: QpCallback<Side> = (queuePair, { type }) => {
    const side = queuePair.context;
    if (type === 'rep_received') queuePair.disconnect({}, now);
    else if (type === 'timewait_exit') {
      queuePair.destroy(now, () => {
        side.gone += 1;
      });
    }
  };
  const listener = server.cm.createId((id) => {
    const request = server.queuePairs.getRequest(id);
    if (request === undefined) return;
    const queuePair = server.queuePairs.create({ transport: 'rc', context: server, callback: follow });
    queuePair.accept(request, { startingPsn: 2 }, now);
  }, undefined);
  server.cm.listen(listener, { serviceId: SERVICE, backlog: 16 }, now);
  const path = { localGid: CLIENT_GID, remoteGid: SERVER_GID };
  const poll = (): void => {
    client.cm.poll(now);
    server.cm.poll(now);
  };

  return (times) => {
    client.gone = 0;
    server.gone = 0;
    for (let i = 0; i < times; i += 1) {
      const queuePair = client.queuePairs.create({ transport: 'rc', context: client, callback: follow });
      queuePair.connect({ path, serviceId: SERVICE, startingPsn: 1 }, now);
      while (link.deliver(now) > 0) poll();
      now = (now + REST) as Instant;
      link.client.handleTimeout(now);
      link.server.handleTimeout(now);
      poll();
    }
    if (client.gone !== times || server.gone !== times)
      throw new Error(`${times} connections began; ${client.gone} and ${server.gone} queue pairs are gone`);
  };
}

export const qpCycle = (reference: Subject): Case => ({
  name: 'connect and disconnect, queue pairs',
  unit: 'µs',
  reference,
  run: qpCycles(),
});
