import { equal, match, ok } from 'node:assert/strict';
import { RejectedError } from 'ibcm';
import { requestAsEndpointsDo } from '../cep-consumer.js';
import { nextRequest } from '../our-side.js';
import { bytes, closed, failure, heard, hex, MAIN, padded, type Scenario, textOf } from '../scenario.js';

const REQ_DATA = textOf(56);
const REP_DATA = textOf(196);
const REJ_DATA = textOf(148);

/** Connecting and refusing. */
export const CONNECTING: readonly Scenario[] = [
  {
    name: 'connect with full private data both ways',
    inSubset: true,
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
    inSubset: true,
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
    inSubset: true,
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
    inSubset: true,
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const error = await failure(stage.connect());
      ok(error instanceof RejectedError, String(error));
      equal(error.details.reason, 8);
      match(error.message, /invalidServiceId/);
      // Linux looks up who asks first, which takes it a second where it has heard nothing of us; a REQ that we repeat meanwhile gets its own REJ.
      const { sent, received } = stage.us.port;
      ok((received.REJ ?? 0) >= 1 && (received.REJ ?? 0) <= (sent.REQ ?? 0), `${received.REJ} REJ for ${sent.REQ} REQ`);
    },
  },
  {
    name: 'the consumer rejects with private data',
    inSubset: true,
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const listener = await stage.listen();
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
    inSubset: true,
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
    inSubset: true,
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
    name: 'the client rejects the REP',
    inSubset: true,
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens();
      const consumer = stage.us.openConsumer();
      const cid = requestAsEndpointsDo(stage, consumer);
      await consumer.event('rep_received');
      consumer.command((owner, now) => owner.sendRej(cid, { reason: 28, privateData: bytes(REJ_DATA) }, now));
      const { status, data } = await linux.event('REJECTED');
      equal(status, 28);
      equal(data, padded(REJ_DATA, 148));
      equal((await linux.finished).status, 0);
    },
  },
];
