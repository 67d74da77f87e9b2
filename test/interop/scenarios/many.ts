import { equal, ok } from 'node:assert/strict';
import type { ConnectionRequest, EndpointError, Listener } from 'ibcm';
import { closed, type Scenario } from '../scenario.js';
import { PORT } from '../stage.js';

const COUNTS = [1, 100, 1_000] as const;
const LOSSY = 200;
const LOSS_PERCENT = 20;

/** Many connections at once, and bad weather. */
export const MANY: readonly Scenario[] = [
  ...COUNTS.flatMap((count): Scenario[] => [
    {
      name: `cmtime, ${count} connection${count === 1 ? '' : 's'}`,
      linux: 'client',
      seconds: 300,
      async run(stage) {
        const listener = await stage.us.adapter.listen({ port: PORT });
        const linux = stage.start(`cmtime -s ${stage.us.address} -c ${count} -p ${PORT}`);
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
      async run(stage) {
        stage.start(`cmtime -b ${stage.linuxAddress} -p ${PORT}`);
        await stage.guest.must('sleep 1');
        const attempts = Array.from({ length: count }, () =>
          stage.connect({ timeoutMs: 240_000, responseTimeoutMs: 4_000, retries: 15 }),
        );
        const connections = await Promise.all(attempts);
        const causes = await Promise.all(
          connections.map((connection) => connection.disconnect({ timeoutMs: 120_000 })),
        );
        equal(causes.filter((cause) => cause === 'disconnected').length, count, causes.join());
      },
    },
  ]),
  {
    name: `${LOSSY} connections with ${LOSS_PERCENT} % loss`,
    linux: 'client',
    seconds: 260,
    async run(stage) {
      const listener = await stage.us.adapter.listen({ port: PORT });
      stage.us.port.loseSome(LOSS_PERCENT, stage.random());
      const linux = stage.linuxConnects(`--count ${LOSSY} --disconnect-after 500 --seconds 240`);
      const ends = await answerAll(listener, LOSSY);
      // A DREQ that overtakes an RTU takes the request back: the connection came and went.
      equal(ends.filter((end) => end === 'peer' || end === 'WITHDRAWN').length, LOSSY, ends.join());
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: `${LOSSY} connections with ${LOSS_PERCENT} % loss`,
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
