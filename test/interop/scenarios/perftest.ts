import { equal, match, ok } from 'node:assert/strict';
import { type DataPeer, memoryOf } from '../data-peer.js';
import { onceHeard } from '../once-heard.js';
import { PerftestClient, servePerftest } from '../perftest.js';
import { repeat } from '../repeat.js';
import { MAIN, pathMtuOf, type Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

/** Its programs work on twice what they move, and on pages. */
const MEMORY_BYTES = 400_000;
const NUMBER_BYTES = 8;

interface Test {
  /** A program of perftest. */
  readonly program: string;
  readonly bytes: number;
  readonly times: number;
  /** Both sides make sure that there are receives: what it moves are messages. */
  readonly takesMessages: boolean;
  /** Messages are answered, one by one. */
  readonly answers: boolean;
  /** What our side has seen when it is the server. */
  readonly check: (ours: DataPeer, test: Test) => void;
  /** What our side does as the client. */
  readonly act: (ours: DataPeer, test: Test) => Promise<void>;
}

/** Takes so many messages, and answers them if the test wants it. */
async function takeMessages(ours: DataPeer, { times, bytes, answers }: Test): Promise<void> {
  for (let left = times; left > 0; left -= 1) {
    const { status, data } = await ours.receive();
    equal(status, 'success');
    equal(data.length, bytes);
    ours.post(1);
    if (answers) equal((await ours.send(new Uint8Array(bytes))).status, 'success');
  }
}

const TESTS: readonly Test[] = [
  {
    program: 'ib_send_bw',
    bytes: 4_096,
    times: 500,
    takesMessages: true,
    answers: false,
    check: () => undefined,
    act: (ours, { bytes, times }) => repeat(times, () => ours.send(new Uint8Array(bytes))),
  },
  {
    program: 'ib_write_bw',
    bytes: 65_536,
    times: 100,
    takesMessages: false,
    answers: false,
    check: (ours) => ok(!Buffer.from(ours.memory.bytes).equals(memoryOf(MEMORY_BYTES)), 'nothing was written'),
    act: (ours, { bytes, times }) => repeat(times, () => ours.write(0, new Uint8Array(bytes))),
  },
  {
    program: 'ib_read_bw',
    bytes: 65_536,
    times: 100,
    takesMessages: false,
    answers: false,
    check: (ours) => ok(Buffer.from(ours.memory.bytes).equals(memoryOf(MEMORY_BYTES)), 'our memory was written to'),
    act: (ours, { bytes, times }) => repeat(times, () => ours.read(0, bytes)),
  },
  {
    program: 'ib_atomic_bw',
    bytes: NUMBER_BYTES,
    times: 200,
    takesMessages: false,
    answers: false,
    // Each adds one, somewhere.
    check: (ours, { times }) => equal(sumOf(ours.memory.bytes) - sumOf(memoryOf(MEMORY_BYTES)), BigInt(times)),
    act: (ours, { times }) => repeat(times, () => ours.atomic(0, { add: 1n })),
  },
  {
    program: 'ib_send_lat',
    bytes: 64,
    times: 200,
    takesMessages: true,
    answers: true,
    check: () => undefined,
    act: async (ours, test) => {
      for (let left = test.times; left > 0; left -= 1) {
        equal((await ours.send(new Uint8Array(test.bytes))).status, 'success');
        const { status, data } = await ours.receive();
        equal(status, 'success');
        equal(data.length, test.bytes);
        ours.post(1);
      }
    },
  },
];

/** Of all numbers in memory. */
function sumOf(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let sum = 0n;
  for (let at = 0; at < bytes.length; at += NUMBER_BYTES) sum += view.getBigUint64(at, true);
  return sum;
}

const OURS = { memoryBytes: MEMORY_BYTES, receives: 128 } as const;
/** How often places are told between the connection for data and the data; of messages, once more. */
const PLACES = 4;
const placesOf = ({ takesMessages }: Test): number => (takesMessages ? PLACES + 1 : PLACES);
/** One to talk, one for data. */
const CONNECTIONS = 2;
const RESULTS = 5;
/** The end of its table of results: bytes, and how often. */
const resultOf = ({ bytes, times }: Test): RegExp => new RegExp(`^ ${bytes}\\s+${times}\\s`, 'm');

const options = ({ program, bytes, times }: Test, { port }: Stage): string =>
  // Atomics have one size.
  `-R -F -p ${port} -n ${times} ${program === 'ib_atomic_bw' ? '' : `-s ${bytes}`}`;

/** perftest measures; here its traffic passes through our transport, as much of it as was meant to. */
export const PERFTEST: readonly Scenario[] = TESTS.flatMap((test) => [
  {
    name: `${test.program} -R, ${test.bytes} bytes, ${test.times} times`,
    linux: 'client',
    ...MAIN,
    families: ['IPv4'],
    async run(stage) {
      const [talk, data] = stage.us.openDataPeers().listen(stage.port, CONNECTIONS, OURS) as [
        Promise<DataPeer>,
        Promise<DataPeer>,
      ];
      const linux = stage.start(`${test.program} ${options(test, stage)} ${stage.us.address}`);
      const talking = servePerftest(await talk, data);
      const ours = await data;
      if (test.takesMessages) await takeMessages(ours, test);
      await talking;
      const { status, output } = await linux.finished;
      equal(status, 0, output);
      match(output, resultOf(test));
      test.check(ours, test);
    },
  },
  {
    name: `${test.program} -R, ${test.bytes} bytes, ${test.times} times`,
    linux: 'server',
    ...MAIN,
    families: ['IPv4'],
    async run(stage) {
      const linux = stage.start(`${test.program} ${options(test, stage)}`);
      const { code } = pathMtuOf(stage);
      await stage.untilLinuxListens();
      const peers = stage.us.openDataPeers();
      const connect = (): Promise<DataPeer> => peers.connect(stage.linuxAddress, stage.port, { ...OURS, mtu: code });
      const talk = await connect();
      const client = new PerftestClient(talk);
      await client.agree(code);
      // Its servers listen for the second connection when all has been said over the first.
      const ours = await onceHeard(connect);
      for (let times = placesOf(test); times > 0; times -= 1) await client.tellPlace(ours);
      await test.act(ours, test);
      if (!test.takesMessages) {
        await client.tellPlace(ours);
        await client.tellResults(RESULTS);
      }
      await client.tellPlace(ours);
      await talk.disconnect();
      await ours.disconnect();
      const { status, output } = await linux.finished;
      equal(status, 0, output);
    },
  },
]);
