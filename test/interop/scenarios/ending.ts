import { equal } from 'node:assert/strict';
import { milliseconds, parseGid } from 'ibcm/base';
import { requestAsEndpointsDo } from '../cep-consumer.js';
import { closed, heard, MAIN, type Scenario } from '../scenario.js';

/** Disconnecting, from either side and from both. Those who connected are the other half of the scenarios in connecting.ts. */
export const ENDING: readonly Scenario[] = [
  {
    name: 'the server disconnects',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const accepting = stage.accept();
      const linux = stage.linuxConnects();
      const connection = await accepting;
      equal(await connection.disconnect(), 'disconnected');
      equal((await linux.event('DISCONNECTED')).status, 0);
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'the server disconnects',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const linux = await stage.linuxListens('--disconnect-after 200');
      const connection = await stage.connect();
      equal(await closed(connection), 'peer');
      equal((await linux.event('DISCONNECTED')).status, 0);
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'both disconnect at once',
    linux: 'client',
    async run(stage) {
      stage.us.port.cross('DREQ');
      const accepting = stage.accept();
      const linux = stage.linuxConnects('--disconnect-after 300');
      const connection = await accepting;
      equal(await connection.disconnect(), 'disconnected');
      heard(stage, 'DREQ', 1);
      equal((await linux.event('DISCONNECTED')).status, 0);
    },
  },
  {
    name: 'both disconnect at once',
    linux: 'server',
    async run(stage) {
      stage.us.port.cross('DREQ');
      const linux = await stage.linuxListens('--disconnect-after 300');
      const connection = await stage.connect();
      equal(await connection.disconnect(), 'disconnected');
      heard(stage, 'DREQ', 1);
      equal((await linux.event('DISCONNECTED')).status, 0);
    },
  },
  {
    name: 'the peer never answers our DREQ',
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens('--ignore-disconnect --seconds 30');
      const connection = await stage.connect();
      await linux.event('ESTABLISHED');
      equal(await connection.disconnect({ timeoutMs: 3_000 }), 'unacknowledged');
      await linux.event('DISCONNECTED');
    },
  },
  {
    name: 'Linux drops our LAP, and the connection stands',
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens();
      const consumer = stage.us.openConsumer();
      const cid = requestAsEndpointsDo(stage, consumer);
      await consumer.event('rep_received');
      consumer.command((owner, now) => owner.sendRtu(cid, {}, now));
      await linux.event('ESTABLISHED');
      const path = { port: 1, localGid: parseGid(stage.us.address), remoteGid: parseGid(stage.linuxAddress) };
      const timing = { responseTimeout: milliseconds(500), retries: 2 };
      consumer.command((owner, now) => owner.sendLap(cid, { path, timing }, now));
      await consumer.event('lap_error');
      equal(stage.us.port.sent.LAP, 3);
      consumer.command((owner, now) => owner.sendDreq(cid, {}, now));
      await consumer.event('drep_received');
      equal((await linux.event('DISCONNECTED')).status, 0);
    },
  },
];
