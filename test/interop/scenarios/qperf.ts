import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { DataPeer } from '../data-peer.js';
import { onceHeard } from '../once-heard.js';
import { askQperf, type QperfRequest, type QperfStatistics, serveQperf } from '../qperf.js';
import { repeat } from '../repeat.js';
import { MAIN, type Scenario } from '../scenario.js';

/** Messages are at most so long, and memory is. */
const MEMORY_BYTES = 65_536;
const OURS = { memoryBytes: MEMORY_BYTES, receiveBytes: MEMORY_BYTES, receives: 64 } as const;
const NUMBER_BYTES = 8;
/** Where its first swap goes to; the next goes to one more. */
const MAGIC = 0x0123_4567_89ab_cdefn;
const NOTHING: QperfStatistics = { bytes: 0, messages: 0, errors: 0 };

interface Serving {
  /** What we say that we have received. qperf may be told before it has done its part. */
  readonly received: Promise<QperfStatistics>;
  /** We have done ours. */
  readonly over: Promise<void>;
}

interface Test extends QperfRequest {
  /** What qperf prints of it. */
  readonly prints: RegExp;
  /** Our part as the server. */
  readonly serve: (ours: DataPeer, test: Test) => Serving;
  /** Our part as the client. */
  readonly act: (ours: DataPeer, test: Test) => Promise<void>;
  /** What qperf has received of us as the server. */
  readonly received: (test: Test) => QperfStatistics;
}

/** How often we do what qperf does until its time is over. */
const ROUNDS = 100;
const all = ({ messageBytes }: Test, messages: number): QperfStatistics => ({
  bytes: messageBytes * messages,
  messages,
  errors: 0,
});

async function takeMessages(ours: DataPeer, { messages, messageBytes }: Test): Promise<void> {
  for (let left = messages; left > 0; left -= 1) {
    const { status, data } = await ours.receive();
    equal(status, 'success');
    equal(data.length, messageBytes);
    ours.post(1);
  }
}

/** Takes messages, and answers each, until the connection has ended: qperf is not told how many there were. */
async function answerAll(ours: DataPeer, answer: () => Promise<{ readonly status: string }>): Promise<void> {
  for (;;) {
    const { status } = await ours.receive();
    if (status === 'flushed') return;
    equal(status, 'success');
    ours.post(1);
    const done = await answer();
    // The client may have disconnected when its time was over.
    if (done.status === 'flushed') return;
    equal(done.status, 'success');
  }
}

async function pingPong(ours: DataPeer, send: () => Promise<{ readonly status: string }>): Promise<void> {
  for (let left = ROUNDS; left > 0; left -= 1) {
    equal((await send()).status, 'success');
    equal((await ours.receive()).status, 'success');
    ours.post(1);
  }
}

/** Whatever else we do, qperf counts for itself. */
const uncounted = (over: Promise<void>): Serving => ({ received: Promise.resolve(NOTHING), over });
/** It works on our memory. */
const serveMemory = (): Serving => uncounted(Promise.resolve());

const QPERF_DEFAULT = { messages: 0, seconds: 3 } as const;

const TESTS: readonly Test[] = [
  {
    test: 'rc_bw',
    messageBytes: 4_096,
    messages: 500,
    seconds: 0,
    prints: /\bbw\s+=\s+[\d.]+ [KMG]B\/sec/,
    serve: (ours, test) => {
      const over = takeMessages(ours, test);
      return { received: over.then(() => all(test, test.messages)), over };
    },
    act: (ours, { messageBytes, messages }) => repeat(messages, () => ours.send(new Uint8Array(messageBytes))),
    received: (test) => all(test, test.messages),
  },
  {
    test: 'rc_lat',
    messageBytes: 64,
    ...QPERF_DEFAULT,
    prints: /\blatency\s+=\s+[\d.]+ [mu]s/,
    serve: (ours, { messageBytes }) => uncounted(answerAll(ours, () => ours.send(new Uint8Array(messageBytes)))),
    act: (ours, { messageBytes }) => pingPong(ours, () => ours.send(new Uint8Array(messageBytes))),
    received: (test) => all(test, ROUNDS),
  },
  {
    test: 'rc_rdma_write_lat',
    messageBytes: 2_000,
    ...QPERF_DEFAULT,
    prints: /\blatency\s+=\s+[\d.]+ [mu]s/,
    serve: (ours, { messageBytes }) =>
      uncounted(answerAll(ours, () => ours.write(0, new Uint8Array(messageBytes), { immediate: 0 }))),
    act: (ours, { messageBytes }) =>
      pingPong(ours, () => ours.write(0, new Uint8Array(messageBytes), { immediate: 0 })),
    received: (test) => all(test, ROUNDS),
  },
  {
    test: 'rc_rdma_read_bw',
    messageBytes: MEMORY_BYTES,
    ...QPERF_DEFAULT,
    prints: /\bbw\s+=\s+[\d.]+ [KMG]B\/sec/,
    serve: serveMemory,
    act: (ours, { messageBytes }) =>
      repeat(ROUNDS, async () => {
        const done = await ours.read(0, messageBytes);
        ok(done.data.every((byte) => byte === 0));
        return done;
      }),
    received: () => NOTHING,
  },
  {
    test: 'ver_rc_fetch_add',
    messageBytes: NUMBER_BYTES,
    ...QPERF_DEFAULT,
    prints: /\bmsg_rate\s+=\s+[\d.]+/,
    // It looks at each number that it has found.
    serve: serveMemory,
    act: async (ours) => {
      for (let i = 0n; i < ROUNDS; i += 1n) equal((await ours.atomic(0, { add: 1n })).before, i);
    },
    received: () => NOTHING,
  },
  {
    test: 'ver_rc_compare_swap',
    messageBytes: NUMBER_BYTES,
    ...QPERF_DEFAULT,
    prints: /\bmsg_rate\s+=\s+[\d.]+/,
    serve: serveMemory,
    act: async (ours) => {
      for (let i = 0n; i < ROUNDS; i += 1n) {
        const there = i === 0n ? 0n : MAGIC + i - 1n;
        equal((await ours.atomic(0, { compare: there, swap: MAGIC + i })).before, there);
      }
    },
    received: () => NOTHING,
  },
];

const nameOf = ({ test, messageBytes }: Test): string => `qperf ${test}, ${messageBytes} bytes`;
const optionsOf = ({ messageBytes, messages, seconds }: Test, port: number): string =>
  `-lp ${port} -cm1 -to 60 -m ${messageBytes} ${messages > 0 ? `-n ${messages}` : `-t ${seconds}`}`;

/** qperf measures; here its traffic passes through our transport. Over IPv4 alone, as it connects so. */
export const QPERF: readonly Scenario[] = TESTS.flatMap((test) => [
  {
    name: nameOf(test),
    linux: 'client',
    ...MAIN,
    families: ['IPv4'],
    async run(stage) {
      const { us, port } = stage;
      const [connected] = us.openDataPeers().listen(port, 1, OURS) as [Promise<DataPeer>];
      const ours = connected.then((peer) => {
        peer.memory.bytes.fill(0);
        return peer;
      });
      let over: Promise<void> | undefined;
      const given = new AbortController();
      const serve = (peer: DataPeer, request: QperfRequest): Promise<QperfStatistics> => {
        equal(request.test, test.test);
        equal(request.messageBytes, test.messageBytes);
        const { received, over: whole } = test.serve(peer, test);
        over = whole;
        // It is waited for in the end.
        over.catch(() => undefined);
        return received;
      };
      const serving = serveQperf({ address: us.address, tcpPort: port, port }, ours, serve, given.signal);
      serving.catch(() => undefined);
      try {
        const { status, output } = await stage.start(`qperf ${optionsOf(test, port)} ${us.address} ${test.test}`)
          .finished;
        equal(status, 0, output);
        match(output, test.prints);
        await serving;
        await over;
      } finally {
        given.abort();
      }
    },
  },
  {
    name: nameOf(test),
    linux: 'server',
    ...MAIN,
    families: ['IPv4'],
    async run(stage) {
      const { port, linuxAddress } = stage;
      stage.start(`qperf -lp ${port}`);
      const peers = stage.us.openDataPeers();
      const received = await askQperf(
        { host: linuxAddress, tcpPort: port },
        test,
        (at) => onceHeard(() => peers.connect(linuxAddress, at, OURS)),
        (ours) => test.act(ours, test),
      );
      deepEqual(received, test.received(test));
    },
  },
]);
