import { equal, ok } from 'node:assert/strict';
import type { ConnectionRequest, EndpointError, Listener } from 'ibcm';
import { closed, type Scenario } from '../scenario.js';

const COUNTS = [1, 100, 1_000] as const;
const LOSSY = 200;
const LOSS_PERCENT = 20;
const DEFINITE_ENDS: ReadonlySet<string> = new Set(['peer', 'WITHDRAWN', 'TIMEOUT']);
/** Four messages of a connection must be lost for one: far more than that would have another reason. */
const TIMED_OUT_SHARE = 0.05;
const SHUFFLED = 100;
/** The longest delay: some messages are repeated before they arrive. */
const SHUFFLE_MS = 1_500;

/** Many connections at once, and bad weather. */
export const MANY: readonly Scenario[] = [
  ...COUNTS.flatMap((count): Scenario[] => [
    {
      name: `cmtime, ${count} connection${count === 1 ? '' : 's'}`,
      linux: 'client',
      seconds: 300,
      storm: count > 100,
      ...(count === 100 && { inSubset: true }),
      async run(stage) {
        const listener = await stage.listen();
        const linux = stage.start(`cmtime -s ${stage.us.address} -c ${count} -p ${stage.port}`);
        const answering = answerAll(listener, count);
        const { status, output } = await linux.finished;
        equal(status, 0, output);
        ok(/disconnect/.test(output), output);
        const causes = await answering;
        equal(causes.filter((cause) => cause === 'peer').length, count, causes.join());
      },
    },
    {
      name: `cmtime, ${count} connection${count === 1 ? '' : 's'}`,
      linux: 'server',
      seconds: 300,
      storm: count > 100,
      ...(count === 100 && { inSubset: true }),
      async run(stage) {
        stage.start(`cmtime -b ${stage.linuxAddress} -p ${stage.port}`);
        await stage.untilLinuxListens();
        const attempts = Array.from({ length: count }, () =>
          stage.connect({ timeoutMs: 240_000, responseTimeoutMs: 4_000, retries: 15 }),
        );
        const connections = await Promise.all(attempts);
        const causes = await Promise.all(
          connections.map((connection) => connection.disconnect({ timeoutMs: 120_000, responseTimeoutMs: 4_000 })),
        );
        equal(causes.filter((cause) => cause === 'disconnected').length, count, causes.join());
      },
    },
  ]),
  {
    name: `${LOSSY} connections with ${LOSS_PERCENT} % loss`,
    families: ['IPv4', 'IPv6'],
    linux: 'client',
    seconds: 260,
    async run(stage) {
      const listener = await stage.listen();
      stage.us.port.loseSome(LOSS_PERCENT, stage.random());
      const linux = stage.linuxConnects(`--count ${LOSSY} --disconnect-after 500 --seconds 240`);
      const ends = await answerAll(listener, LOSSY);
      // A DREQ that overtakes an RTU takes the request back: the connection came and went. Where the RTU is lost and then one DREQ after the
      // other, no REP is answered any more: a time-out is definite, too.
      equal(ends.filter((end) => DEFINITE_ENDS.has(end)).length, LOSSY, ends.join());
      ok(ends.filter((end) => end === 'TIMEOUT').length <= LOSSY * TIMED_OUT_SHARE, ends.join());
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: `${LOSSY} connections with ${LOSS_PERCENT} % loss`,
    families: ['IPv4', 'IPv6'],
    linux: 'server',
    seconds: 260,
    async run(stage) {
      const linux = await stage.linuxListens(`--count ${LOSSY} --seconds 240`);
      stage.us.port.loseSome(LOSS_PERCENT, stage.random());
      const timing = { timeoutMs: 120_000, responseTimeoutMs: 1_000, retries: 15 };
      const connections = await Promise.all(Array.from({ length: LOSSY }, () => stage.connect(timing)));
      const causes = await Promise.all(connections.map((connection) => connection.disconnect(timing)));
      equal(causes.filter((cause) => cause === 'disconnected').length, LOSSY, causes.join());
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: `${SHUFFLED} connections whose messages overtake each other`,
    linux: 'client',
    seconds: 300,
    async run(stage) {
      const listener = await stage.listen();
      stage.us.port.shuffle(SHUFFLE_MS, stage.random());
      const linux = stage.linuxConnects(`--count ${SHUFFLED} --disconnect-after 100 --seconds 240`);
      const ends = await answerAll(listener, SHUFFLED);
      equal(ends.filter((end) => end === 'peer' || end === 'WITHDRAWN').length, SHUFFLED, ends.join());
      equal((await linux.finished).status, 0);
      await stage.us.port.allArrived();
    },
  },
  {
    name: `${SHUFFLED} connections whose messages overtake each other`,
    linux: 'server',
    seconds: 300,
    async run(stage) {
      const linux = await stage.linuxListens(`--count ${SHUFFLED} --seconds 240`);
      stage.us.port.shuffle(SHUFFLE_MS, stage.random());
      const timing = { timeoutMs: 120_000, responseTimeoutMs: 1_000, retries: 15 };
      const connections = await Promise.all(Array.from({ length: SHUFFLED }, () => stage.connect(timing)));
      const causes = await Promise.all(connections.map((connection) => connection.disconnect(timing)));
      equal(causes.filter((cause) => cause === 'disconnected').length, SHUFFLED, causes.join());
      equal((await linux.finished).status, 0);
      await stage.us.port.allArrived();
    },
  },
];

/** Answers each request when it comes. @returns how they ended. */
async function answerAll(listener: Listener, count: number): Promise<string[]> {
  const ends: Promise<string>[] = [];
  for await (const request of listener) if (ends.push(endOf(request)) === count) break;
  return Promise.all(ends);
}

/** Accepts, and waits for the end: the cause of the connection's end, or the code of the error. */
async function endOf(request: ConnectionRequest): Promise<string> {
  try {
    return await closed(await request.accept({ timeoutMs: 120_000 }));
  } catch (error) {
    return (error as EndpointError).code;
  }
}
