import { equal, match } from 'node:assert/strict';
import type { Connection } from 'ibcm';
import type { OurLine, OurProcess } from '../our-process.js';
import { closed, type Scenario, target } from '../scenario.js';
import type { Stage } from '../stage.js';

/** How a connection with a program ends: it disconnects, it answers when we do, or it does not, as it waits for data. */
type End = 'peer' | 'disconnected' | 'unacknowledged';

/** A program of rdma-core connects to us. What it sends over its queue pair nobody here answers; the connection is made and ended all the same. */
function connects(name: string, end: End, command: (stage: Stage) => string): Scenario {
  return {
    name,
    linux: 'client',
    patient: end === 'unacknowledged',
    async run(stage) {
      const accepting = stage.accept();
      const linux = stage.start(command(stage));
      const connection = await accepting;
      equal(connection.remote.address, stage.linuxAddress);
      await ends(connection, end);
      if (end !== 'unacknowledged') await linux.finished;
    },
  };
}

/** We connect to a program of rdma-core. */
function listens(name: string, end: End, command: (stage: Stage) => string): Scenario {
  return {
    name,
    linux: 'server',
    patient: end === 'unacknowledged',
    async run(stage) {
      const linux = stage.start(command(stage));
      await stage.untilLinuxListens();
      await ends(await stage.connect(), end);
      if (end !== 'unacknowledged') await linux.finished;
    },
  };
}

async function ends(connection: Connection, end: End): Promise<void> {
  if (end === 'peer') equal(await closed(connection), end);
  else equal(await connection.disconnect({ timeoutMs: end === 'disconnected' ? 60_000 : 5_000 }), end);
}

/** Our command's line for an event. */
function fields(line: OurLine, expected: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(expected)) equal(line[name], value, `${line.event}: ${name}`);
}

async function fails(ours: OurProcess, complaint: RegExp): Promise<void> {
  const { status, errors } = await ours.ended();
  equal(status, 1);
  match(errors, complaint);
}

/** Programs that people have: rdma-core's, and our own command. */
export const PROGRAMS: readonly Scenario[] = [
  connects('ucmatose connects', 'disconnected', ({ us, port }) => `ucmatose -s ${us.address} -p ${port} -C 0`),
  listens('ucmatose listens', 'peer', ({ linuxAddress, port }) => `ucmatose -b ${linuxAddress} -p ${port} -C 0`),
  connects('rping connects', 'disconnected', ({ us, port }) => `rping -c -a ${us.address} -p ${port} -C 1`),
  listens('rping listens', 'disconnected', ({ linuxAddress, port }) => `rping -s -a ${linuxAddress} -p ${port} -C 1`),
  connects('rdma_client connects', 'unacknowledged', ({ us, port }) => `rdma_client -s ${us.address} -p ${port}`),
  listens(
    'rdma_server listens',
    'unacknowledged',
    ({ linuxAddress, port }) => `rdma_server -s ${linuxAddress} -p ${port}`,
  ),
  {
    name: 'ibcm connect says why: nobody listens',
    linux: 'server',
    unseen: true,
    inSubset: true,
    async run(stage) {
      const ours = await stage.spawnOurs('connect', target(stage.linuxAddress, stage.port), '--from', stage.us.address);
      fields(await ours.event('rej_received'), { reason: 8, reasonName: 'invalidServiceId', messageRejected: 'REQ' });
      await fails(ours, /rejected.*invalidServiceId \(8\)/);
    },
  },
  {
    name: 'ibcm connect says why: the consumer refuses',
    linux: 'server',
    unseen: true,
    async run(stage) {
      await stage.linuxListens('--reject no');
      const ours = await stage.spawnOurs('connect', target(stage.linuxAddress, stage.port), '--from', stage.us.address);
      fields(await ours.event('rej_received'), { reason: 28, reasonName: 'consumerReject', messageRejected: 'REQ' });
      await fails(ours, /rejected.*consumerReject \(28\)/);
    },
  },
  {
    name: 'ibcm connect says what happens',
    linux: 'server',
    unseen: true,
    async run(stage) {
      await stage.linuxListens('--data hello');
      const ours = await stage.spawnOurs('connect', target(stage.linuxAddress, stage.port), '--from', stage.us.address);
      fields(await ours.event('established'), { remoteAddress: stage.linuxAddress, remoteQpn: 0x1000 });
      fields(await ours.event('closed'), { cause: 'disconnected' });
      equal((await ours.ended()).status, 0);
    },
  },
  {
    name: 'ibcm listen says what happens',
    linux: 'client',
    unseen: true,
    inSubset: true,
    async run(stage) {
      const ours = await stage.spawnOurs('listen', target(stage.us.address, stage.port), '--count', '2');
      await ours.event('listening');
      const refusing = stage.linuxConnects('--reject-rep no');
      fields(await ours.event('rej_received'), { reason: 28, reasonName: 'consumerReject', messageRejected: 'REP' });
      match(String((await ours.event('error'))['message']), /consumerReject \(28\)/);
      equal((await refusing.finished).status, 0);
      const linux = stage.linuxConnects('--disconnect-after 200');
      fields(await ours.event('established'), { remoteAddress: stage.linuxAddress });
      fields(await ours.event('closed'), { cause: 'peer' });
      equal((await linux.finished).status, 0);
      equal((await ours.ended()).status, 0);
    },
  },
  {
    name: 'ibcm listen --reject, by name',
    linux: 'client',
    unseen: true,
    async run(stage) {
      const words = ['--reject', 'noResources', '--count', '1'];
      const ours = await stage.spawnOurs('listen', target(stage.us.address, stage.port), ...words);
      await ours.event('listening');
      equal((await stage.linuxConnects().event('REJECTED')).status, 3);
      equal((await ours.ended()).status, 0);
    },
  },
  {
    name: 'ibcm lookup finds, and says why not',
    linux: 'server',
    unseen: true,
    inSubset: true,
    async run(stage) {
      const words = ['lookup', target(stage.linuxAddress, stage.port), '--from', stage.us.address];
      await fails(await stage.spawnOurs(...words), /serviceIdUnsupported \(1\)/);
      const linux = await stage.linuxListens('--udp');
      const ours = await stage.spawnOurs(...words);
      fields(await ours.event('found'), {
        address: stage.linuxAddress,
        port: stage.port,
        qpn: 0x1000,
        qKey: 0x01234567,
      });
      equal((await ours.ended()).status, 0);
      equal((await linux.finished).status, 0);
      await stage.linuxListens('--udp --reject no');
      await fails(await stage.spawnOurs(...words), /rejected \(2\)/);
    },
  },
  {
    name: 'ibcm serve answers, and refuses',
    linux: 'client',
    unseen: true,
    inSubset: true,
    async run(stage) {
      const words = ['serve', target(stage.us.address, stage.port), '--count', '1'];
      const serving = await stage.spawnOurs(...words, '--qpn', '0x1234');
      await serving.event('listening');
      await stage.linuxConnects('--udp').event('ESTABLISHED');
      equal((await serving.ended()).status, 0);
      const refusing = await stage.spawnOurs(...words, '--reject', 'noQp');
      await refusing.event('listening');
      equal((await stage.linuxConnects('--udp').event('UNREACHABLE')).status, 3);
      equal((await refusing.ended()).status, 0);
    },
  },
];
