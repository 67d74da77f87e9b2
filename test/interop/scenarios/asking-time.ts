import { equal, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cid } from 'ibcm/base';
import { serviceIdOfPort } from 'ibcm/wire';
import { type CepConsumer, requestAsEndpointsDo } from '../cep-consumer.js';
import { nextRequest } from '../our-side.js';
import { closed, heard, MAIN, type Scenario, untilHeard } from '../scenario.js';
import type { Stage } from '../stage.js';

/** Longer than Linux waits before it asks again: 4.8 s (6.12) or 6.3 s (6.1), or what our REQ said. */
const LINUX_ASKS_AGAIN_MS = 8_000;
/** The exponent of 69 s. */
const LONG = 24;
/** As often Linux or we may ask before an MRA is understood, on a slow machine. */
const QUESTIONS_MAX = 6;

type Disturb = (stage: Stage) => void;

/** Linux accepts late. Endpoints ask again, so Linux asks for time. */
function linuxAcceptsLate(name: string, disturb: Disturb, more: Partial<Scenario>): Scenario {
  return {
    name,
    linux: 'server',
    ...more,
    async run(stage) {
      disturb(stage);
      const linux = await stage.linuxListens('--accept-after 10000');
      const connection = await stage.connect({ responseTimeoutMs: 1_000 });
      await linux.event('ESTABLISHED');
      quiet(stage, 'REQ');
      equal(await connection.disconnect(), 'disconnected');
    },
  };
}

/** Each repetition of ours was answered by an MRA, and the first that was not lost made us quiet. */
function quiet({ us }: Stage, message: 'REQ' | 'REP'): void {
  const asked = us.port.sent[message] ?? 0;
  equal(us.port.received.MRA, asked - 1);
  ok(asked <= QUESTIONS_MAX, `${asked} times ${message}`);
}

/** Our consumer accepts late, and asks for time at once. */
function weAcceptLate(name: string, disturb: Disturb, requests: number, more: Partial<Scenario>): Scenario {
  return {
    name,
    linux: 'client',
    ...more,
    async run(stage) {
      disturb(stage);
      const consumer = stage.us.openConsumer();
      consumer.command((owner, now) =>
        owner.listen(owner.create(), { serviceId: serviceIdOfPort('tcp', stage.port), backlog: 8 }, now),
      );
      const linux = stage.linuxConnects('--disconnect-after 200');
      const { cid } = await consumer.event('req_received');
      consumer.command((owner, now) => owner.sendMra(cid, { serviceTimeout: LONG }, now));
      await untilHeard(stage, 'REQ', requests);
      await sleep(LINUX_ASKS_AGAIN_MS);
      heard(stage, 'REQ', requests);
      consumer.command((owner, now) => owner.sendRep(cid, { qpn: 77, startingPsn: 7 }, now));
      await linux.event('CONNECT_RESPONSE');
      await consumer.event('rtu_received');
      await disconnected(consumer, cid);
      await linux.event('DISCONNECTED');
    },
  };
}

/** Our consumer confirms late, and asks for time at once. */
function weConfirmLate(name: string, disturb: Disturb, replies: number): Scenario {
  return {
    name,
    linux: 'server',
    patient: true,
    async run(stage) {
      disturb(stage);
      const linux = await stage.linuxListens('--disconnect-after 200');
      const consumer = stage.us.openConsumer();
      const cid = requestAsEndpointsDo(stage, consumer);
      await consumer.event('rep_received');
      consumer.command((owner, now) => owner.sendMra(cid, { serviceTimeout: LONG }, now));
      await untilHeard(stage, 'REP', replies);
      await sleep(LINUX_ASKS_AGAIN_MS);
      heard(stage, 'REP', replies);
      consumer.command((owner, now) => owner.sendRtu(cid, {}, now));
      await linux.event('ESTABLISHED');
      await disconnected(consumer, cid);
      equal((await linux.event('DISCONNECTED')).status, 0);
    },
  };
}

/** Answers Linux' disconnect. */
async function disconnected(consumer: CepConsumer, cid: Cid): Promise<void> {
  await consumer.event('dreq_received');
  consumer.command((owner, now) => owner.sendDrep(cid, {}, now));
}

const nothing: Disturb = () => undefined;

/** Those who take their time, and say so (MRA). */
export const ASKING_TIME: readonly Scenario[] = [
  linuxAcceptsLate('slow accept: Linux asks for time (MRA)', nothing, { ...MAIN, inSubset: true, patient: true }),
  linuxAcceptsLate("slow accept: Linux' MRA is lost once", ({ us }) => us.port.lose('in', 'MRA', 1), {
    patient: true,
  }),
  linuxAcceptsLate("slow accept: Linux' MRA comes twice", ({ us }) => us.port.duplicate('in', 'MRA'), {
    patient: true,
  }),
  {
    name: 'slow accept without an MRA: Linux asks again',
    linux: 'client',
    patient: true,
    async run(stage) {
      const listener = await stage.listen();
      const linux = stage.linuxConnects('--disconnect-after 200');
      const request = await nextRequest(listener);
      await untilHeard(stage, 'REQ', 2);
      const connection = await request.accept({ timeoutMs: 60_000 });
      await linux.event('CONNECT_RESPONSE');
      equal(await closed(connection), 'peer');
    },
  },
  weAcceptLate('slow accept: we ask for time (MRA)', nothing, 1, { ...MAIN, patient: true }),
  weAcceptLate('slow accept: our MRA is lost once', ({ us }) => us.port.lose('out', 'MRA', 1), 2, { patient: true }),
  weAcceptLate('slow accept: our MRA comes twice', ({ us }) => us.port.duplicate('out', 'MRA'), 1, { patient: true }),
  {
    name: 'slow confirmation: Linux asks for time (MRA of our REP)',
    linux: 'client',
    patient: true,
    inSubset: true,
    async run(stage) {
      const accepting = stage.accept({ responseTimeoutMs: 1_000 });
      const linux = stage.linuxConnects('--establish-after 10000 --disconnect-after 200');
      const connection = await accepting;
      quiet(stage, 'REP');
      equal(await closed(connection), 'peer');
      equal((await linux.finished).status, 0);
    },
  },
  weConfirmLate("slow confirmation: we ask for time (MRA of Linux' REP)", nothing, 1),
  weConfirmLate("slow confirmation: our MRA of Linux' REP is lost once", ({ us }) => us.port.lose('out', 'MRA', 1), 2),
];
