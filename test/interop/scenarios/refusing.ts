import { equal, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { EndpointError, RejectedError } from 'ibcm';
import { nextRequest } from '../our-side.js';
import type { PeerLine } from '../peer-line.js';
import { closed, failure, heard, QUICK, type Scenario } from '../scenario.js';

const CONSUMER_REJECT = 28;
/** Asked again too soon, Linux says that its program takes its time, and is waited for longer than a test can. */
const UNHURRIED = { responseTimeoutMs: 5_000, timeoutMs: 60_000 } as const;
const NO_RESOURCES = 3;
const BACKLOG = 2;

/** Why a connection was refused. */
async function reasonOf(connecting: Promise<unknown>): Promise<number> {
  const error = await failure(connecting);
  ok(error instanceof RejectedError, String(error));
  return error.details.reason;
}

/** REJs that are lost or doubled, and listeners that have no room. */
export const REFUSING: readonly Scenario[] = [
  {
    name: 'our REJ is lost once',
    linux: 'client',
    patient: true,
    inSubset: true,
    async run(stage) {
      stage.us.port.lose('out', 'REJ', 1);
      const listener = await stage.listen();
      const linux = stage.linuxConnects();
      (await nextRequest(listener)).reject();
      // Linux asks again, and that is a new request.
      (await nextRequest(listener)).reject({ reason: 'noResources' });
      equal((await linux.event('REJECTED')).status, NO_RESOURCES);
    },
  },
  {
    name: 'our REJ comes twice',
    linux: 'client',
    async run(stage) {
      stage.us.port.duplicate('out', 'REJ');
      const listener = await stage.listen();
      const linux = stage.linuxConnects();
      (await nextRequest(listener)).reject();
      equal((await linux.event('REJECTED')).status, CONSUMER_REJECT);
      equal(linux.events.entries.filter(({ event }) => event === 'REJECTED').length, 1);
      equal(stage.us.port.sent.REJ, 2);
    },
  },
  {
    name: "Linux' REJ is lost once",
    linux: 'server',
    inSubset: true,
    async run(stage) {
      stage.us.port.lose('in', 'REJ', 1);
      // Our repetition is a new request there.
      const linux = await stage.linuxListens('--count 2 --reject no');
      equal(await reasonOf(stage.connect(UNHURRIED)), CONSUMER_REJECT);
      heard(stage, 'REJ', 2);
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: "Linux' REJ comes twice",
    linux: 'server',
    async run(stage) {
      stage.us.port.duplicate('in', 'REJ');
      await stage.linuxListens('--reject no');
      equal(await reasonOf(stage.connect(QUICK)), CONSUMER_REJECT);
    },
  },
  {
    name: "Linux' REJ of our REP is lost once",
    linux: 'client',
    patient: true,
    async run(stage) {
      stage.us.port.lose('in', 'REJ', 1);
      const accepting = failure(stage.accept({ responseTimeoutMs: 1_000, retries: 3 }));
      const linux = stage.linuxConnects('--reject-rep no');
      equal((await linux.finished).status, 0);
      const error = await accepting;
      ok(error instanceof EndpointError, String(error));
      equal(error.code, 'TIMEOUT');
      equal(stage.us.port.sent.REP, 4);
    },
  },
  {
    name: 'our backlog is full',
    linux: 'client',
    inSubset: true,
    async run(stage) {
      const listener = await stage.listen({ backlog: BACKLOG });
      const linux = stage.linuxConnects(`--count ${BACKLOG + 2} --disconnect-after 200`);
      const isRefusal = ({ event }: PeerLine): boolean => event === 'REJECTED';
      equal((await linux.events.find('a refusal', isRefusal)).status, NO_RESOURCES);
      equal((await linux.events.find('a second refusal', isRefusal, undefined, 2)).status, NO_RESOURCES);
      const connections = [await (await nextRequest(listener)).accept(), await (await nextRequest(listener)).accept()];
      for (const connection of connections) equal(await closed(connection), 'peer');
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: "Linux' backlog is full",
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens(`--backlog ${BACKLOG} --count ${BACKLOG + 1}`);
      // It takes no request; the kernel goes on.
      await linux.signal(stage.guest, 'STOP');
      const attempts = Array.from({ length: BACKLOG + 1 }, () => stage.connect(QUICK));
      // Those that wait are told so when they ask again. The one too many hears nothing, however often it asks.
      await stage.us.events.find('a second MRA', ({ type }) => type === 'mra_received', undefined, BACKLOG);
      await sleep(3_000);
      heard(stage, 'MRA', BACKLOG);
      heard(stage, 'REJ', 0);
      await linux.signal(stage.guest, 'CONT');
      for (const connection of await Promise.all(attempts)) equal(await connection.disconnect(QUICK), 'disconnected');
      equal((await linux.finished).status, 0);
    },
  },
];
