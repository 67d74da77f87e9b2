import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { OurLine, OurProcess } from '../our-process.js';
import { type Scenario, target } from '../scenario.js';

/** Connections of which it is measured what they take. */
const MEASURED = 200;

/** Our command's line for an event. */
function fields(line: OurLine, expected: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(expected)) equal(line[name], value, `${line.event}: ${name}`);
}

async function fails(ours: OurProcess, complaint: RegExp): Promise<void> {
  const { status, errors } = await ours.ended();
  equal(status, 1);
  match(errors, complaint);
}

/** Our own command; data.ts has rdma-core's. */
export const PROGRAMS: readonly Scenario[] = [
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
    name: `ibcm bench connect, ${MEASURED} connections with cmtime`,
    linux: 'server',
    unseen: true,
    families: ['IPv4'],
    async run(stage) {
      stage.start(`cmtime -b ${stage.linuxAddress} -p ${stage.port}`);
      await stage.untilLinuxListens();
      const words = ['--from', stage.us.address, '--connections', `${MEASURED}`, '--at-once', '10'];
      const ours = await stage.spawnOurs('bench', 'connect', target(stage.linuxAddress, stage.port), ...words);
      const { status, errors } = await ours.ended();
      equal(status, 0, errors);
      deepEqual(
        ours.lines.entries.map(({ step }) => step),
        ['connect', 'disconnect'],
      );
      for (const { perSecond } of ours.lines.entries) ok(Number(perSecond) > 0);
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
    name: 'ibcm serve-lookup answers, and refuses',
    linux: 'client',
    unseen: true,
    inSubset: true,
    async run(stage) {
      const words = ['serve-lookup', target(stage.us.address, stage.port), '--count', '1'];
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
