import { equal, match, notEqual } from 'node:assert/strict';
import type { EndpointError } from 'ibcm';
import { nextRequest } from '../our-side.js';
import { closed, failure, QUICK, type Scenario, target } from '../scenario.js';

const QPN = 0x4711;

/** Programs that vanish, and machines. */
export const KILLING: readonly Scenario[] = [
  {
    name: 'its program is killed while it waits for our REP',
    linux: 'client',
    async run(stage) {
      const listener = await stage.listen();
      const linux = stage.linuxConnects();
      const request = await nextRequest(listener);
      await linux.kill(stage.guest);
      await stage.us.event('rej_received');
      equal(request.isPending, false);
      const error = await failure(request.accept());
      equal((error as EndpointError).code, 'WITHDRAWN');
    },
  },
  {
    name: 'its program is killed before it confirms',
    linux: 'client',
    async run(stage) {
      const accepting = failure(stage.accept({ timeoutMs: 20_000 }));
      const linux = stage.linuxConnects('--establish-after -1');
      await linux.event('CONNECT_RESPONSE');
      await linux.kill(stage.guest);
      equal(((await accepting) as EndpointError).code, 'REJECTED');
    },
  },
  {
    name: 'its program is killed while connected',
    linux: 'client',
    async run(stage) {
      const accepting = stage.accept();
      const linux = stage.linuxConnects();
      const connection = await accepting;
      await linux.kill(stage.guest);
      equal(await closed(connection), 'peer');
    },
  },
  {
    name: 'its program is killed before it answers our REQ',
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens('--accept-after -1');
      const connecting = failure(stage.connect());
      await linux.event('CONNECT_REQUEST');
      await linux.kill(stage.guest);
      const error = await connecting;
      equal((error as EndpointError).code, 'REJECTED');
      match(error.message, /consumerReject/);
    },
  },
  {
    name: 'its program is killed while it waits for our RTU',
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens();
      stage.us.port.lose('out', 'RTU');
      const connection = await stage.connect();
      await linux.event('accept');
      await linux.kill(stage.guest);
      equal(await closed(connection), 'rejected');
    },
  },
  {
    name: 'its program is killed while connected',
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens();
      const connection = await stage.connect();
      await linux.event('ESTABLISHED');
      await linux.kill(stage.guest);
      equal(await closed(connection), 'peer');
    },
  },
  {
    name: 'our process is killed while it waits for the REP; another one has its address',
    linux: 'server',
    unseen: true,
    async run(stage) {
      const linux = await stage.linuxListens('--accept-after 4000');
      const ours = await stage.spawnOurs('connect', target(stage.linuxAddress, stage.port), '--from', stage.us.address);
      await linux.event('CONNECT_REQUEST');
      await ours.kill();
      const other = await stage.spawnOurs('listen', target(stage.us.address, stage.port));
      await other.event('listening');
      // It knows nothing of the connection that Linux accepts, and says so.
      equal((await linux.event('REJECTED')).status, 6);
      await other.kill();
    },
  },
  {
    name: 'our process is killed while connected, and connects again with the same queue pair: stale',
    linux: 'server',
    unseen: true,
    async run(stage) {
      const linux = await stage.linuxListens('--count 2');
      const words = [
        'connect',
        target(stage.linuxAddress, stage.port),
        '--from',
        stage.us.address,
        '--qpn',
        String(QPN),
      ];
      const first = await stage.spawnOurs(...words, '--hold-ms', '60000');
      await first.event('established');
      await linux.event('ESTABLISHED');
      await first.kill();
      const second = await stage.spawnOurs(...words);
      const { status, errors } = await second.ended();
      equal(status, 1);
      match(errors, /staleConnection/);
      // Linux has ended the old connection, so the next attempt is welcome.
      await linux.event('DISCONNECTED', 120);
      const third = await stage.spawnOurs(...words);
      equal((await third.ended()).status, 0);
    },
    seconds: 200,
  },
  {
    name: 'our process is killed while connected; another one answers for it',
    linux: 'client',
    unseen: true,
    async run(stage) {
      const ours = await stage.spawnOurs('listen', target(stage.us.address, stage.port));
      await ours.event('listening');
      const linux = stage.linuxConnects('--disconnect-after 5000');
      await ours.event('established');
      await ours.kill();
      const other = await stage.spawnOurs('listen', target(stage.us.address, stage.port));
      await other.event('listening');
      equal((await linux.event('DISCONNECTED')).status, 0);
      await other.kill();
    },
  },
  {
    name: 'our process is killed while it waits for the RTU; another one answers for it',
    linux: 'client',
    unseen: true,
    async run(stage) {
      const ours = await stage.spawnOurs('listen', target(stage.us.address, stage.port));
      await ours.event('listening');
      const linux = stage.linuxConnects('--establish-after 4000 --disconnect-after 2000');
      await linux.event('CONNECT_RESPONSE');
      await ours.kill();
      const other = await stage.spawnOurs('listen', target(stage.us.address, stage.port));
      await other.event('listening');
      // It drops the RTU, and answers the DREQ.
      equal((await linux.event('DISCONNECTED')).status, 0);
      await other.kill();
    },
  },
  {
    name: 'nobody has our address when Linux asks; then a process of ours has, and refuses',
    linux: 'client',
    unseen: true,
    async run(stage) {
      await stage.us.adapter.close();
      const linux = stage.linuxConnects();
      await linux.event('connect');
      const other = await stage.spawnOurs('listen', target(stage.us.address, stage.port + 1));
      await other.event('listening');
      equal((await linux.event('REJECTED')).status, 8);
      await other.kill();
    },
  },
  {
    name: 'Linux reboots while connected, and connects again with the same queue pair: stale',
    linux: 'client',
    seconds: 400,
    unseen: true,
    async run(stage) {
      const listener = await stage.listen();
      const linux = stage.linuxConnects(`--qpn ${QPN}`);
      const connection = await (await nextRequest(listener)).accept();
      await linux.event('CONNECT_RESPONSE');
      await stage.reboot();
      equal(connection.closeCause, undefined);
      const again = stage.linuxConnects(`--qpn ${QPN}`);
      equal((await again.event('REJECTED')).status, 10);
      // The old connection is ended: by a DREQ that the new system does not know, and answers.
      notEqual(await closed(connection), undefined);
      const accepting = nextRequest(listener).then((request) => request.accept());
      const third = stage.linuxConnects(`--qpn ${QPN} --disconnect-after 200`);
      equal(await closed(await accepting), 'peer');
      equal((await third.finished).status, 0);
    },
  },
  {
    name: 'Linux reboots before it answers our REQ: nobody listens then',
    linux: 'server',
    seconds: 600,
    unseen: true,
    async run(stage) {
      const linux = await stage.linuxListens('--accept-after -1');
      // No MRA may tell us to wait quietly: we go on asking.
      stage.us.port.lose('in', 'MRA');
      const connecting = failure(stage.connect({ responseTimeoutMs: 1_000, retries: 255, timeoutMs: 400_000 }));
      await linux.event('CONNECT_REQUEST');
      await stage.reboot();
      const error = await connecting;
      equal((error as EndpointError).code, 'REJECTED');
      match(error.message, /invalidServiceId/);
    },
  },
  {
    name: 'Linux reboots while connected: it answers for what it has forgotten, and takes new connections',
    linux: 'server',
    seconds: 600,
    unseen: true,
    async run(stage) {
      const linux = await stage.linuxListens();
      const connection = await stage.connect();
      await linux.event('ESTABLISHED');
      await stage.reboot();
      equal(connection.closeCause, undefined);
      equal(await connection.disconnect(QUICK), 'disconnected');
      const again = await stage.linuxListens();
      const second = await stage.connect();
      await again.event('ESTABLISHED');
      equal(await second.disconnect(QUICK), 'disconnected');
      equal((await again.finished).status, 0);
    },
  },
];
