import { equal } from 'node:assert/strict';
import { type Gid, parseGid } from 'ibcm/base';
import {
  decodeIpCmHeader,
  encodeIpCmHeader,
  IP_CM_HEADER_BYTES,
  IP_CM_SIDR_PRIVATE_DATA_MAX,
  RDMA_UDP_Q_KEY,
  serviceIdOfPort,
} from 'ibcm/wire';
import type { CepConsumer } from '../cep-consumer.js';
import { bytes, hex, MAIN, padded, type Scenario, textOf } from '../scenario.js';
import { PORT, type Stage } from '../stage.js';

/** Datagram services (SIDR). Endpoints do not offer them, so our side is a consumer of the manager itself. */
/** udaddy has no option for the port. */
const UDADDY_PORT = 7174;
const QPN = 0x1234;
const REQ_DATA = textOf(IP_CM_SIDR_PRIVATE_DATA_MAX);
const REP_DATA = textOf(136);

export const RESOLVING: readonly Scenario[] = [
  {
    name: 'datagram service: resolved, with full private data both ways',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const consumer = listen(stage);
      const linux = stage.linuxConnects(`--udp --data '${REQ_DATA}'`);
      const { cid, mad } = await consumer.event('sidr_req_received');
      equal(mad?.message, 'SIDR_REQ');
      equal(hex(mad.fields.privateData.subarray(IP_CM_HEADER_BYTES)), padded(REQ_DATA, IP_CM_SIDR_PRIVATE_DATA_MAX));
      equal(decodeIpCmHeader(mad.fields.privateData) instanceof Error, false);
      consumer.command((owner, now) =>
        owner.sendSidrRep(cid, { qpn: QPN, qKey: RDMA_UDP_Q_KEY, privateData: bytes(REP_DATA) }, now),
      );
      equal((await linux.event('ESTABLISHED')).data, padded(REP_DATA, 136));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'datagram service: resolved, with full private data both ways',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const linux = await stage.linuxListens(`--udp --data '${REP_DATA}'`);
      const consumer = ask(stage, REQ_DATA);
      const { mad } = await consumer.event('sidr_rep_received');
      equal(mad?.message, 'SIDR_REP');
      equal(mad.fields.status, 0);
      equal(mad.fields.qpn, 0x1000);
      equal(mad.fields.qKey, RDMA_UDP_Q_KEY);
      equal(hex(mad.fields.privateData), padded(REP_DATA, 136));
      equal((await linux.event('CONNECT_REQUEST')).data, padded(REQ_DATA, IP_CM_SIDR_PRIVATE_DATA_MAX));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'datagram service: nobody listens',
    linux: 'client',
    async run(stage) {
      const linux = stage.linuxConnects('--udp');
      equal((await linux.event('UNREACHABLE')).status, 1);
    },
  },
  {
    name: 'datagram service: nobody listens',
    linux: 'server',
    async run(stage) {
      const { mad } = await ask(stage, '').event('sidr_rep_received');
      equal(mad?.message, 'SIDR_REP');
      equal(mad.fields.status, 1);
    },
  },
  {
    name: 'datagram service: the consumer rejects',
    linux: 'client',
    async run(stage) {
      const consumer = listen(stage);
      const linux = stage.linuxConnects('--udp');
      const { cid } = await consumer.event('sidr_req_received');
      consumer.command((owner, now) => owner.sendSidrRep(cid, { status: 2, privateData: bytes('no') }, now));
      equal((await linux.event('UNREACHABLE')).status, 2);
    },
  },
  {
    name: 'datagram service: the consumer rejects',
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens('--udp --reject no');
      const { mad } = await ask(stage, '').event('sidr_rep_received');
      equal(mad?.message, 'SIDR_REP');
      equal(mad.fields.status, 2);
      equal(hex(mad.fields.privateData), padded('no', 136));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'udaddy resolves a name',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const consumer = listen(stage, UDADDY_PORT);
      const linux = stage.start(`udaddy -s ${stage.us.address} -C 0 ${familyOption(stage)}`);
      const { cid } = await consumer.event('sidr_req_received');
      consumer.command((owner, now) => owner.sendSidrRep(cid, { qpn: QPN, qKey: RDMA_UDP_Q_KEY }, now));
      const { status, output } = await linux.finished;
      equal(status, 0, output);
    },
  },
  {
    name: 'udaddy answers',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      stage.start(`udaddy -b ${stage.linuxAddress} -C 0 ${familyOption(stage)}`);
      await stage.guest.must('sleep 1');
      const { mad } = await ask(stage, '', UDADDY_PORT).event('sidr_rep_received');
      equal(mad?.message, 'SIDR_REP');
      equal(mad.fields.status, 0);
      equal(mad.fields.qKey, RDMA_UDP_Q_KEY);
    },
  },
];

const familyOption = ({ family }: Stage): string => (family === 'IPv6' ? '-f ipv6' : '');

function listen(stage: Stage, port = PORT): CepConsumer {
  const consumer = stage.us.openConsumer();
  consumer.command((owner, now) =>
    owner.listen(owner.create(), { serviceId: serviceIdOfPort('udp', port), backlog: 8 }, now),
  );
  return consumer;
}

/** Asks Linux as rdma_cm would. */
function ask(stage: Stage, data: string, port = PORT): CepConsumer {
  const consumer = stage.us.openConsumer();
  const localGid: Gid = parseGid(stage.us.address);
  const remoteGid: Gid = parseGid(stage.linuxAddress);
  const privateData = new Uint8Array(IP_CM_HEADER_BYTES + data.length);
  encodeIpCmHeader(
    { ipVersion: stage.family === 'IPv4' ? 4 : 6, source: localGid, destination: remoteGid, sourcePort: 40_000 },
    privateData,
  );
  privateData.set(bytes(data), IP_CM_HEADER_BYTES);
  consumer.command((owner, now) =>
    owner.sendSidrReq(
      owner.create(),
      {
        path: { port: 1, localGid, remoteGid },
        serviceId: serviceIdOfPort('udp', port),
        privateData,
        responseTimeout: 18,
      },
      now,
    ),
  );
  return consumer;
}
