import { equal, match, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { RejectedError } from 'ibcm';
import { serviceIdOfPort } from 'ibcm/wire';
import { nextRequest } from '../our-side.js';
import { bytes, closed, failure, heard, heardAgain, hex, MAIN, padded, type Scenario, textOf } from '../scenario.js';
import { PORT } from '../stage.js';

const REQ_DATA = textOf(56);
const REP_DATA = textOf(196);
const REJ_DATA = textOf(148);

/** Connecting, refusing, taking time. */
export const CONNECTING: readonly Scenario[] = [
  {
    name: 'connect with full private data both ways',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const accepting = stage.accept({ privateData: bytes(REP_DATA) });
      const linux = stage.linuxConnects(`--data '${REQ_DATA}' --disconnect-after 200`);
      const connection = await accepting;
      equal(hex(connection.privateData), padded(REQ_DATA, 56));
      equal((await linux.event('CONNECT_RESPONSE')).data, padded(REP_DATA, 196));
      equal(await closed(connection), 'peer');
      equal((await linux.event('DISCONNECTED')).status, 0);
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'connect with full private data both ways',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const linux = await stage.linuxListens(`--data '${REP_DATA}'`);
      const connection = await stage.connect({ privateData: bytes(REQ_DATA) });
      equal(hex(connection.privateData), padded(REP_DATA, 196));
      equal((await linux.event('CONNECT_REQUEST')).data, padded(REQ_DATA, 56));
      await linux.event('ESTABLISHED');
      equal(await connection.disconnect(), 'disconnected');
      equal((await linux.event('DISCONNECTED')).status, 0);
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'nobody listens: reason 8',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const linux = stage.linuxConnects();
      equal((await linux.event('REJECTED')).status, 8);
      heard(stage, 'REQ', 1);
    },
  },
  {
    name: 'nobody listens: reason 8',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const error = await failure(stage.connect());
      ok(error instanceof RejectedError, String(error));
      equal(error.details.reason, 8);
      match(error.message, /invalidServiceId/);
      heard(stage, 'REJ', 1);
    },
  },
  {
    name: 'the consumer rejects with private data',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const listener = await stage.us.adapter.listen({ port: PORT });
      const linux = stage.linuxConnects();
      const request = await nextRequest(listener);
      request.reject({ privateData: bytes(REJ_DATA) });
      const { status, data } = await linux.event('REJECTED');
      equal(status, 28);
      equal(data, padded(REJ_DATA, 148));
    },
  },
  {
    name: 'the consumer rejects with private data',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const linux = await stage.linuxListens(`--reject '${REJ_DATA}'`);
      const error = await failure(stage.connect());
      ok(error instanceof RejectedError, String(error));
      equal(error.details.reason, 28);
      equal(error.details.by, 'consumer');
      equal(hex(error.details.privateData), padded(REJ_DATA, 148));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'the client rejects the REP',
    linux: 'client',
    async run(stage) {
      const accepting = stage.accept();
      const linux = stage.linuxConnects(`--reject-rep '${REJ_DATA}'`);
      const error = await failure(accepting);
      ok(error instanceof RejectedError, String(error));
      equal(error.details.reason, 28);
      equal(hex(error.details.privateData), padded(REJ_DATA, 148));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'slow accept: Linux asks for time (MRA)',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const linux = await stage.linuxListens('--accept-after 4000');
      const connection = await stage.connect({ responseTimeoutMs: 1_000, timeoutMs: 20_000 });
      await linux.event('ESTABLISHED');
      heard(stage, 'MRA', 1);
      equal(stage.us.port.sent.REQ, 2);
      equal(await connection.disconnect(), 'disconnected');
    },
  },
  {
    name: 'slow accept without an MRA: Linux asks again',
    linux: 'client',
    async run(stage) {
      const listener = await stage.us.adapter.listen({ port: PORT });
      const linux = stage.linuxConnects('--disconnect-after 200');
      const request = await nextRequest(listener);
      // Linux 6.12 asks again after 4.8 s, 6.1 after 6.3.
      await sleep(8_000);
      const connection = await request.accept();
      heardAgain(stage, 'REQ');
      await linux.event('CONNECT_RESPONSE');
      equal(await closed(connection), 'peer');
    },
  },
  {
    name: 'slow accept: we ask for time (MRA)',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const consumer = stage.us.openConsumer();
      consumer.command((owner, now) =>
        owner.listen(owner.create(), { serviceId: serviceIdOfPort('tcp', PORT), backlog: 8 }, now),
      );
      const linux = stage.linuxConnects('--disconnect-after 200');
      const { cid } = await consumer.event('req_received');
      // Exponent 21 is 8.6 s; Linux would have asked again after 4.
      consumer.command((owner, now) => owner.sendMra(cid, { serviceTimeout: 21 }, now));
      await sleep(7_000);
      heard(stage, 'REQ', 1);
      consumer.command((owner, now) => owner.sendRep(cid, { qpn: 77, startingPsn: 7 }, now));
      await linux.event('CONNECT_RESPONSE');
      await consumer.event('rtu_received');
      await consumer.event('dreq_received');
      consumer.command((owner, now) => owner.sendDrep(cid, {}, now));
      await linux.event('DISCONNECTED');
    },
  },
];
