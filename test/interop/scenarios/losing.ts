import { equal, ok } from 'node:assert/strict';
import { EndpointError } from 'ibcm';
import { nextRequest } from '../our-side.js';
import { closed, failure, heard, heardAgain, QUICK, type Scenario } from '../scenario.js';
import { isLinuxSlow, MESSAGES, survives } from './whole-connection.js';

/** Linux gives up after 16 transmissions, about 80 s; under emulation it may be late. */
const LINUX_GIVES_UP_SECONDS = 200;
/** What librdmacm says of it. */
const TIMED_OUT = -110;
const LONG = { seconds: LINUX_GIVES_UP_SECONDS + 100 } as const;

const ONCE = MESSAGES.map((each) =>
  survives(each, {
    what: 'is lost once',
    disturb: ({ us }, direction, message) => us.port.lose(direction, message, 1),
    more: { families: ['IPv4', 'IPv6'], inSubset: 'IPv4', patient: isLinuxSlow(each) },
  }),
);

/** Both ends must come to know, or give up. */
const ALWAYS: readonly Scenario[] = [
  {
    name: "Linux' RTU is lost, and its DREQ comes next",
    linux: 'client',
    async run(stage) {
      stage.us.port.lose('in', 'RTU', 1);
      const accepting = failure(stage.accept({ ...QUICK, responseTimeoutMs: 5_000 }));
      const linux = stage.linuxConnects('--disconnect-after 100');
      const error = await accepting;
      ok(error instanceof EndpointError && error.code === 'WITHDRAWN', String(error));
      equal((await linux.event('DISCONNECTED')).status, 0);
    },
  },
  {
    name: "Linux' REQ is lost always",
    linux: 'client',
    ...LONG,
    async run(stage) {
      stage.us.port.lose('in', 'REQ');
      const linux = stage.linuxConnects(`--seconds ${LINUX_GIVES_UP_SECONDS}`);
      const { status } = await linux.event('UNREACHABLE', LINUX_GIVES_UP_SECONDS);
      equal(status, TIMED_OUT);
      equal(stage.us.port.received.REQ, 16);
    },
  },
  {
    name: 'our REQ is lost always',
    linux: 'server',
    async run(stage) {
      await stage.linuxListens();
      stage.us.port.lose('out', 'REQ');
      const error = await failure(stage.connect({ responseTimeoutMs: 500, retries: 3 }));
      ok(error instanceof EndpointError && error.code === 'TIMEOUT', String(error));
    },
  },
  {
    name: 'our REP is lost always',
    linux: 'client',
    async run(stage) {
      const listener = await stage.listen();
      stage.us.port.lose('out', 'REP');
      const linux = stage.linuxConnects();
      const request = await nextRequest(listener);
      const error = await failure(request.accept({ responseTimeoutMs: 500, retries: 3 }));
      ok(error instanceof EndpointError && error.code === 'TIMEOUT', String(error));
      heard(stage, 'REQ', 1);
      // Our REJ says nothing to Linux, which has never heard of us: it asks again, and that is a new request.
      const again = await nextRequest(listener);
      equal(again.remote.commId, request.remote.commId);
      again.reject({ reason: 'noResources' });
      equal((await linux.event('REJECTED')).status, 3);
    },
  },
  {
    name: "Linux' REP is lost always",
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens();
      stage.us.port.lose('in', 'REP');
      const error = await failure(stage.connect({ responseTimeoutMs: 500, retries: 3 }));
      ok(error instanceof EndpointError && error.code === 'TIMEOUT', String(error));
      // We take the request back, unless Linux gave up first: both have the same times.
      const end = await linux.events.find('its end', ({ event }) => ['REJECTED', 'UNREACHABLE'].includes(event));
      equal(end.status, end.event === 'REJECTED' ? 4 : TIMED_OUT);
    },
  },
  {
    name: "Linux' RTU is lost always",
    linux: 'client',
    async run(stage) {
      stage.us.port.lose('in', 'RTU');
      // So long that Linux has answered: a REP that comes before, again, gets an MRA, for a minute.
      const accepting = stage.accept({ responseTimeoutMs: 2_000, retries: 3 });
      const linux = stage.linuxConnects();
      const error = await failure(accepting);
      ok(error instanceof EndpointError && error.code === 'TIMEOUT', String(error));
      // Linux believed in the connection; our REJ ends it there, too.
      equal((await linux.event('REJECTED')).status, 4);
      heardAgain(stage, 'RTU');
    },
  },
  {
    name: 'our RTU is lost always',
    linux: 'server',
    async run(stage) {
      const linux = await stage.linuxListens();
      stage.us.port.lose('out', 'RTU');
      const connection = await stage.connect({ responseTimeoutMs: 2_000, retries: 3 });
      const { event } = await linux.events.find('its end', (line) =>
        ['UNREACHABLE', 'CONNECT_ERROR', 'REJECTED'].includes(line.event),
      );
      ok(event === 'UNREACHABLE', event);
      heardAgain(stage, 'REP');
      // Linux says nothing when it gives up: our side learns of it when it disconnects.
      equal(connection.closeCause, undefined);
      equal(await connection.disconnect(QUICK), 'disconnected');
    },
  },
  ...(['client', 'server'] as const).flatMap((linux): Scenario[] => [
    {
      name: "Linux' DREQ is lost always",
      linux,
      ...LONG,
      async run(stage) {
        stage.us.port.lose('in', 'DREQ');
        const options = `--disconnect-after 200 --seconds ${LINUX_GIVES_UP_SECONDS}`;
        const accepting = linux === 'client' ? stage.accept(QUICK) : undefined;
        const program = linux === 'client' ? stage.linuxConnects(options) : await stage.linuxListens(options);
        const connection = await (accepting ?? stage.connect(QUICK));
        equal((await program.event('DISCONNECTED', LINUX_GIVES_UP_SECONDS)).status, TIMED_OUT);
        equal(connection.closeCause, undefined);
        // Its end is found out when we disconnect: Linux answers for a connection that it has forgotten.
        equal(await connection.disconnect(QUICK), 'disconnected');
      },
    },
    {
      name: 'our DREP is lost always',
      linux,
      ...LONG,
      async run(stage) {
        stage.us.port.lose('out', 'DREP');
        const options = `--disconnect-after 200 --seconds ${LINUX_GIVES_UP_SECONDS}`;
        const accepting = linux === 'client' ? stage.accept(QUICK) : undefined;
        const program = linux === 'client' ? stage.linuxConnects(options) : await stage.linuxListens(options);
        const connection = await (accepting ?? stage.connect(QUICK));
        equal(await closed(connection), 'peer');
        equal((await program.event('DISCONNECTED', LINUX_GIVES_UP_SECONDS)).status, TIMED_OUT);
        heardAgain(stage, 'DREQ');
      },
    },
    {
      name: 'our DREQ is lost always',
      linux,
      async run(stage) {
        stage.us.port.lose('out', 'DREQ');
        const accepting = linux === 'client' ? stage.accept(QUICK) : undefined;
        const program = linux === 'client' ? stage.linuxConnects() : await stage.linuxListens();
        const connection = await (accepting ?? stage.connect(QUICK));
        await program.event(linux === 'client' ? 'CONNECT_RESPONSE' : 'ESTABLISHED');
        equal(await connection.disconnect({ responseTimeoutMs: 500, retries: 3 }), 'unacknowledged');
        // Linux has heard nothing.
        equal(program.ended, false);
      },
    },
    {
      name: "Linux' DREP is lost always",
      linux,
      async run(stage) {
        stage.us.port.lose('in', 'DREP');
        const accepting = linux === 'client' ? stage.accept(QUICK) : undefined;
        const program = linux === 'client' ? stage.linuxConnects() : await stage.linuxListens();
        const connection = await (accepting ?? stage.connect(QUICK));
        await program.event(linux === 'client' ? 'CONNECT_RESPONSE' : 'ESTABLISHED');
        equal(await connection.disconnect({ responseTimeoutMs: 500, retries: 3 }), 'unacknowledged');
        equal((await program.event('DISCONNECTED')).status, 0);
      },
    },
  ]),
];

export const LOSING: readonly Scenario[] = [...ONCE, ...ALWAYS.map((each) => ({ ...each, patient: true }))];
