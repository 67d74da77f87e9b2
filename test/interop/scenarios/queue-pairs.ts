import { deepEqual, equal, ok } from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { ACCESS } from 'ibcm/verbs';
import { type DataOptions, type DataPeer, dataOf, memoryOf } from '../data-peer.js';
import type { GuestCommand } from '../guest.js';
import type { PeerLine } from '../peer-line.js';
import { bothRoles, checkDisturbed, DISTURBED, disturb, MAIN, pathMtuOf, type Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

/** Around a packet's, a page's and the longest that fits into one receive; not one behind the other, so that none begins where a number does. */
const SIZES = [0, 1, 3, 4, 5, 64, 1_023, 1_024, 1_025, 4_095, 4_096, 4_097, 65_535, 65_536, 300_001] as const;
const DISTURBED_SIZES = [0, 1, 1_023, 1_024, 1_025, 4_097, 20_001] as const;
/** A message has a receive of its own, of 65,536 bytes. */
const MESSAGE_SIZES = [0, 1, 3, 1_024, 1_025, 4_097, 65_536] as const;
const DISTURBED_MESSAGE_SIZES = [0, 1, 3, 1_024, 1_025, 20_001] as const;
/** More than all of {@link SIZES}. */
const MEMORY_BYTES = 500_000;
const IMMEDIATE = 0xdead_beef;
const UINT64 = 2n ** 64n;

/** What both sides go through: the steps that Linux is told, and what we do and see. */
interface Script {
  readonly name: string;
  readonly options?: DataOptions;
  /** Of rdma-data-peer. */
  readonly words?: string;
  /** @param isDisturbed then less. */
  readonly steps: (isDisturbed: boolean) => readonly string[];
  readonly play: (ours: DataPeer, isDisturbed: boolean) => Promise<void>;
  readonly check: (lines: readonly PeerLine[], ours: DataPeer, isDisturbed: boolean) => void;
}

/** Connects as the scenario says, plays the script, and lets both sides come to their end. */
async function perform(stage: Stage, role: 'client' | 'server', script: Script, isDisturbed: boolean): Promise<void> {
  const steps = script.steps(isDisturbed);
  const { ours, linux } = await link(stage, role, steps, script);
  if (isDisturbed) disturb(stage);
  await script.play(ours, isDisturbed);
  // Its last request may have to be acknowledged again: our queue pair stays until Linux knows.
  const last = 1 + steps.findLastIndex((step) => /^(send|write|read|add|swap)/.test(step));
  await linux.events.find('its last request', ({ id }) => Number(id) >= last);
  await ours.disconnect();
  const lines = await endOf(linux);
  script.check(lines, ours, isDisturbed);
  checkDisturbed(stage, isDisturbed);
}

/** Starts rdma-data-peer, and connects us with it. */
export async function link(
  stage: Stage,
  role: 'client' | 'server',
  steps: readonly string[],
  { options = {}, words = '' }: { readonly options?: DataOptions; readonly words?: string } = {},
): Promise<{ readonly ours: DataPeer; readonly linux: GuestCommand }> {
  const peers = stage.us.openDataPeers();
  if (role === 'server') {
    const linux = stage.start(`rdma-data-peer listen ${stage.linuxAddress} ${stage.port} ${words} ${steps.join(' ')}`);
    await linux.event('listening');
    const mtu = pathMtuOf(stage).code;
    return { ours: await peers.connect(stage.linuxAddress, stage.port, { ...options, mtu }), linux };
  }
  const [arriving] = peers.listen(stage.port, 1, options);
  const linux = stage.start(`rdma-data-peer connect ${stage.us.address} ${stage.port} ${words} ${steps.join(' ')}`);
  return { ours: (await arriving) as DataPeer, linux };
}

/** @returns all that it has said. */
export async function endOf(linux: GuestCommand): Promise<readonly PeerLine[]> {
  const { status, output } = await linux.finished;
  equal(status, 0, output);
  return linux.events.entries;
}

/** Of the lines of some steps, what matters. */
const said = (lines: readonly PeerLine[], step: string): readonly Partial<PeerLine>[] =>
  lines.filter(({ event }) => event === step).map(({ time: _, event: __, id: ___, ...rest }) => rest);

const crcOf = (bytes: Uint8Array): { readonly length: number; readonly crc: number } => ({
  length: bytes.length,
  crc: crc32(bytes),
});

const good = { status: 0 } as const;

/** Sizes, each with a place behind the one before, and a seed for its data. */
const placed = (sizes: readonly number[], seed: number): { size: number; place: number; seed: number }[] => {
  let place = 1;
  return sizes.map((size, index) => {
    const at = { size, place, seed: seed + index };
    place += size + 1;
    return at;
  });
};

/** What memory looks like when each place has been written to. */
function writtenMemory(sizes: readonly number[], seed: number): Uint8Array {
  const bytes = memoryOf(MEMORY_BYTES);
  for (const each of placed(sizes, seed)) bytes.set(dataOf(each.size, each.seed), each.place);
  return bytes;
}

const OUR_SEED = 40;
const LINUX_SEED = 90;
const sizesFor = (isDisturbed: boolean): readonly number[] => (isDisturbed ? DISTURBED_SIZES : SIZES);

const WRITES_AND_READS: Script = {
  name: 'RDMA writes and reads of many sizes, both ways',
  options: { memoryBytes: MEMORY_BYTES },
  words: `--memory ${MEMORY_BYTES}`,
  steps: (isDisturbed) => [
    ...placed(sizesFor(isDisturbed), LINUX_SEED).flatMap(({ size, place, seed }) => [
      `read=${place},${size}`,
      `write=${place},${size},${seed}`,
      `read=${place},${size}`,
    ]),
    'send=0,0',
    'receive',
    `memory=0,${MEMORY_BYTES}`,
  ],
  async play(ours, isDisturbed) {
    equal((await ours.receive()).status, 'success');
    // Behind the last one, nothing was touched either.
    ok(Buffer.from(ours.memory.bytes).equals(writtenMemory(sizesFor(isDisturbed), LINUX_SEED)), 'our memory is wrong');
    // What we write must not overtake what we read: only then all at once.
    const places = placed(sizesFor(isDisturbed), OUR_SEED);
    const readable = places.filter(({ size }) => size > 0);
    const before = memoryOf(MEMORY_BYTES);
    await Promise.all(readable.map(({ size, place }) => expectRead(ours, place, before.subarray(place, place + size))));
    await Promise.all(places.map(({ size, place, seed }) => succeeds(ours.write(place, dataOf(size, seed)))));
    await Promise.all(readable.map(({ size, place, seed }) => expectRead(ours, place, dataOf(size, seed))));
    await succeeds(ours.send(new Uint8Array(0)));
  },
  check(lines, _, isDisturbed) {
    const before = memoryOf(MEMORY_BYTES);
    deepEqual(
      said(lines, 'read'),
      placed(sizesFor(isDisturbed), LINUX_SEED).flatMap(({ size, place, seed }) => [
        { ...good, ...crcOf(before.subarray(place, place + size)) },
        { ...good, ...crcOf(dataOf(size, seed)) },
      ]),
    );
    deepEqual(
      said(lines, 'write'),
      sizesFor(isDisturbed).map(() => good),
    );
    deepEqual(said(lines, 'memory'), [{ ...good, ...crcOf(writtenMemory(sizesFor(isDisturbed), OUR_SEED)) }]);
  },
};

const NUMBER = 0x0123_4567_89ab_cdefn;
const ADDENDS = [1n, 255n, NUMBER, UINT64 - 1n, 0n];
const hexOf = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, '0');

/** Where the number is that both add to: in the middle, at a multiple of eight. */
const COUNTER = 1_000;
const roundsFor = (isDisturbed: boolean): number => (isDisturbed ? 4 : 20);
const numberAt = (bytes: Uint8Array, offset: number): bigint => Buffer.from(bytes).readBigUInt64LE(offset);

/** What atomics find, one after the other: so many rounds of additions, then swaps that meet what they compare with, and one that does not. */
function atomicsFrom(
  start: bigint,
  rounds: number,
): { readonly operations: Atomic[]; readonly found: bigint[]; readonly end: bigint } {
  const operations: Atomic[] = [];
  const found: bigint[] = [];
  let value = start;
  const go = (operation: Atomic): void => {
    operations.push(operation);
    found.push(value);
    if ('add' in operation) value = BigInt.asUintN(64, value + operation.add);
    else if (operation.compare === value) value = operation.swap;
  };
  for (let round = 0; round < rounds; round += 1) for (const add of ADDENDS) go({ add });
  go({ compare: value, swap: 7n });
  go({ compare: value + 1n, swap: 8n });
  go({ compare: 7n, swap: NUMBER });
  return { operations, found, end: value };
}

type Atomic = { readonly add: bigint } | { readonly compare: bigint; readonly swap: bigint };

const ATOMICS: Script = {
  name: 'atomics: fetch and add, compare and swap, both ways',
  steps: (isDisturbed) => [
    ...atomicsFrom(numberAt(memoryOf(65_536), COUNTER), roundsFor(isDisturbed)).operations.map((operation) =>
      'add' in operation ? `add=${COUNTER},${operation.add}` : `swap=${COUNTER},${operation.compare},${operation.swap}`,
    ),
    'send=0,0',
    'receive',
    'memory=0,65536',
  ],
  async play(ours, isDisturbed) {
    await ours.receive();
    const start = numberAt(memoryOf(65_536), COUNTER);
    const { operations, found, end } = atomicsFrom(start, roundsFor(isDisturbed));
    ok(Buffer.from(ours.memory.bytes).equals(withNumber(end)), 'our memory is wrong');
    // All are posted at once, and done one after the other.
    const results = await Promise.all(operations.slice(0, 60).map((operation) => ours.atomic(COUNTER, operation)));
    for (const operation of operations.slice(60)) results.push(await ours.atomic(COUNTER, operation));
    deepEqual(
      results.map(({ status, before }) => [status, hexOf(before)]),
      found.map((before) => ['success', hexOf(before)]),
    );
    await succeeds(ours.send(new Uint8Array(0)));
  },
  check(lines, _, isDisturbed) {
    const { found, end } = atomicsFrom(numberAt(memoryOf(65_536), COUNTER), roundsFor(isDisturbed));
    const values = lines.filter(({ event }) => event === 'add' || event === 'swap');
    deepEqual(
      values.map(({ status, value }) => [status, value]),
      found.map((before) => [0, hexOf(before)]),
    );
    deepEqual(said(lines, 'memory'), [{ ...good, ...crcOf(withNumber(end)) }]);
  },
};

function withNumber(value: bigint): Uint8Array {
  const bytes = Buffer.from(memoryOf(65_536));
  bytes.writeBigUInt64LE(value, COUNTER);
  return bytes;
}

const messageSizes = (isDisturbed: boolean): readonly number[] =>
  isDisturbed ? DISTURBED_MESSAGE_SIZES : MESSAGE_SIZES;

const IMMEDIATE_DATA: Script = {
  name: 'messages, with immediate data and without, and writes with it, both ways',
  steps: (isDisturbed) => [
    ...placed(messageSizes(isDisturbed), LINUX_SEED).flatMap(({ size, place, seed }) => [
      `send=${size},${seed}`,
      `send-immediate=${size},${seed},${IMMEDIATE}`,
      `write-immediate=0,${Math.min(size, 60_000)},${seed},${place}`,
    ]),
    ...messageSizes(isDisturbed).flatMap(() => ['receive', 'receive', 'receive', 'post=3']),
    'memory=0,60000',
  ],
  async play(ours, isDisturbed) {
    for (const { size, place, seed } of placed(messageSizes(isDisturbed), LINUX_SEED)) {
      const data = dataOf(size, seed);
      const written = Math.min(size, 60_000);
      expectArrived(await ours.receive(), data, undefined, undefined);
      expectArrived(await ours.receive(), data, IMMEDIATE, undefined);
      expectArrived(await ours.receive(), new Uint8Array(0), place, written);
      ok(
        Buffer.from(ours.memory.bytes.subarray(0, written)).equals(dataOf(written, seed)),
        `write of ${written} bytes`,
      );
      ours.post(3);
    }
    for (const { size, place, seed } of placed(messageSizes(isDisturbed), OUR_SEED)) {
      const data = dataOf(size, seed);
      // Posted at once: they come in this order.
      await Promise.all([
        succeeds(ours.send(data)),
        succeeds(ours.send(data, { immediate: IMMEDIATE })),
        succeeds(ours.write(0, data.subarray(0, 60_000), { immediate: place })),
      ]);
    }
  },
  check(lines, _, isDisturbed) {
    deepEqual(
      said(lines, 'receive'),
      placed(messageSizes(isDisturbed), OUR_SEED).flatMap(({ size, place, seed }) => [
        { ...good, ...crcOf(dataOf(size, seed)) },
        { ...good, ...crcOf(dataOf(size, seed)), immediate: IMMEDIATE, written: -1 },
        { ...good, ...crcOf(new Uint8Array(0)), immediate: place, written: Math.min(size, 60_000) },
      ]),
    );
    const memory = memoryOf(60_000);
    for (const { size, seed } of placed(messageSizes(isDisturbed), OUR_SEED))
      memory.set(dataOf(size, seed).subarray(0, 60_000));
    deepEqual(said(lines, 'memory'), [{ ...good, ...crcOf(memory) }]);
  },
};

/** A message that ends the registration of memory: afterwards it cannot be written to, and the connection breaks over it. */
const INVALIDATING: readonly Scenario[] = [
  ...bothRoles({
    name: 'Linux sends with invalidate: our key is of no use any more',
    async run(stage, role) {
      const { ours, linux } = await link(stage, role, [
        'write=0,8,1',
        'send-invalidate=5,3',
        'receive',
        'write=8,8,1',
        'state',
      ]);
      const message = await ours.receive();
      expectArrived(message, dataOf(5, 3), undefined, undefined);
      equal(message.invalidatedKey, ours.memory.rkey);
      equal(ours.memory.registered, false);
      await succeeds(ours.send(new Uint8Array(0)));
      equal((await ours.receive()).status, 'flushed');
      equal(ours.queuePair.state, 'ERR');
      const expected = memoryOf(65_536);
      expected.set(dataOf(8, 1));
      ok(Buffer.from(ours.memory.bytes).equals(expected), 'it was written to');
      await ours.disconnect();
      const lines = await endOf(linux);
      deepEqual(said(lines, 'write'), [good, { status: REMOTE_ACCESS_ERROR }]);
      deepEqual(said(lines, 'state'), [{ ...good, value: ERROR_STATE }]);
    },
  }),
  ...bothRoles({
    name: 'we send with invalidate: the key of Linux’ memory window is of no use any more',
    async run(stage, role) {
      const { ours, linux } = await link(stage, role, ['window', 'receive', 'send=0,0', 'receive', 'memory=0,65536']);
      const window = await ours.receive();
      equal(window.data.length, 16);
      const rkey = Buffer.from(window.data).readUInt32BE(8);
      await succeeds(ours.write(100, dataOf(500, 1), { rkey }));
      await succeeds(ours.send(dataOf(5, 3), { invalidate: rkey }));
      await ours.receive();
      equal((await ours.write(0, dataOf(8, 1), { rkey })).status, 'remoteAccessError');
      equal(ours.queuePair.state, 'ERR');
      await ours.disconnect();
      const lines = await endOf(linux);
      deepEqual(said(lines, 'bind'), [good]);
      const [first, second] = said(lines, 'receive');
      deepEqual(first, { ...good, ...crcOf(dataOf(5, 3)), invalidated: rkey });
      equal(second?.status, FLUSHED);
      const expected = memoryOf(65_536);
      expected.set(dataOf(500, 1), 100);
      deepEqual(said(lines, 'memory'), [{ ...good, ...crcOf(expected) }]);
    },
  }),
];

/** Of libibverbs: statuses of work completions, and a state. */
const FLUSHED = 5;
const REMOTE_INVALID_REQUEST = 9;
const REMOTE_ACCESS_ERROR = 10;
const RNR_RETRY_EXCEEDED = 13;
const READY_TO_SEND = '3';
const ERROR_STATE = '6';

/** What one side may not do to the other. Each breaks a connection of its own. */
interface Forbidden {
  readonly name: string;
  /** What Linux does, and is told; nothing if its library does not let it. */
  readonly step: readonly string[];
  readonly status: number;
  /** What we do, and are told. */
  readonly ours: (ours: DataPeer) => Promise<{ readonly status: string }>;
  readonly outcome: string;
  /** What the owner of the memory allows. */
  readonly rights?: string;
}

const RIGHTS: Readonly<Record<string, number>> = {
  r: ACCESS.remoteRead,
  w: ACCESS.remoteWrite,
  a: ACCESS.remoteAtomic,
};

const FORBIDDEN: readonly Forbidden[] = [
  {
    name: 'a write with a wrong key',
    step: ['key=1', 'write=0,64,1'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.write(0, dataOf(64, 1), { rkey: ours.at(0).rkey ^ 1 }),
    outcome: 'remoteAccessError',
  },
  {
    name: 'a read with a wrong key',
    step: ['key=1', 'read=0,64'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.read(0, 64, { rkey: ours.at(0).rkey ^ 1 }),
    outcome: 'remoteAccessError',
  },
  {
    name: 'an atomic with a wrong key',
    step: ['key=1', 'add=0,1'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.atomic(0, { add: 1n }, { rkey: ours.at(0).rkey ^ 1 }),
    outcome: 'remoteAccessError',
  },
  {
    name: 'a write of several packets that ends behind the memory',
    step: ['write=65000,5000,1'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.write(65_000, dataOf(5_000, 1)),
    outcome: 'remoteAccessError',
  },
  {
    name: 'a read that ends behind the memory',
    step: ['read=65530,7'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.read(65_530, 7),
    outcome: 'remoteAccessError',
  },
  {
    name: 'a write where only reading is allowed',
    rights: 'r',
    step: ['write=0,64,1'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.write(0, dataOf(64, 1)),
    outcome: 'remoteAccessError',
  },
  {
    name: 'a read where only writing is allowed',
    rights: 'w',
    step: ['read=0,64'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.read(0, 64),
    outcome: 'remoteAccessError',
  },
  {
    name: 'an atomic where only reading and writing are allowed',
    rights: 'rw',
    step: ['swap=0,1,2'],
    status: REMOTE_ACCESS_ERROR,
    ours: (ours) => ours.atomic(0, { compare: 1n, swap: 2n }),
    outcome: 'remoteAccessError',
  },
  {
    name: 'an atomic that is not at a multiple of eight',
    step: [],
    status: REMOTE_INVALID_REQUEST,
    ours: (ours) => ours.atomic(4, { add: 1n }),
    outcome: 'remoteInvalidRequest',
  },
];

const REFUSING: readonly Scenario[] = FORBIDDEN.flatMap(
  ({ name, step, status, ours: act, outcome, rights = 'rwa' }) => {
    const granted = [...rights].reduce((all, right) => all | (RIGHTS[right] as number), 0);
    const scenarios: readonly Scenario[] = [
      {
        name: `Linux tries ${name}, and we refuse`,
        linux: 'client',
        async run(stage) {
          const { ours, linux } = await link(stage, 'client', [...step, 'state'], { options: { rights: granted } });
          equal((await ours.receive()).status, 'flushed');
          equal(ours.queuePair.state, 'ERR');
          ok(Buffer.from(ours.memory.bytes).equals(memoryOf(65_536)), 'our memory was touched');
          await ours.disconnect();
          const lines = await endOf(linux);
          deepEqual(said(lines, (step.at(-1) as string).split('=')[0] as string)[0]?.status, status);
          deepEqual(said(lines, 'state'), [{ ...good, value: ERROR_STATE }]);
        },
      },
      {
        name: `we try ${name}, and Linux refuses`,
        linux: 'server',
        async run(stage) {
          const words = `--rights ${rights}`;
          const { ours, linux } = await link(stage, 'server', ['receive', 'state', 'memory=0,65536'], { words });
          equal((await act(ours)).status, outcome);
          equal(ours.queuePair.state, 'ERR');
          await ours.disconnect();
          const lines = await endOf(linux);
          deepEqual(said(lines, 'receive'), [{ status: FLUSHED }]);
          deepEqual(said(lines, 'state'), [{ ...good, value: ERROR_STATE }]);
          deepEqual(said(lines, 'memory'), [{ ...good, ...crcOf(memoryOf(65_536)) }]);
        },
      },
    ];
    return step.length === 0 ? scenarios.slice(1) : scenarios;
  },
);

const MESSAGES = 10;
const SHARED_BYTES = 3_000;

/** Receives that are not there yet, or are several queue pairs'. */
const RECEIVES: readonly Scenario[] = [
  {
    name: 'three connections of Linux take receives from one queue of ours, which is often empty',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const peers = stage.us.openDataPeers();
      const shared = peers.shareReceives(SHARED_BYTES);
      const arriving = peers.listen(stage.port, 3, { shared });
      const steps = Array.from({ length: MESSAGES }, (_, index) => `send=${SHARED_BYTES - index},${index}`).join(' ');
      const words = `connect ${stage.us.address} ${stage.port} ${steps}`;
      const programs = arriving.map(() => stage.start(`rdma-data-peer ${words}`));
      const ours = await Promise.all(arriving);
      shared.post(1);
      await Promise.all(
        ours.map(async (each) => {
          for (let index = 0; index < MESSAGES; index += 1) {
            expectArrived(await each.receive(), dataOf(SHARED_BYTES - index, index), undefined, undefined);
            shared.post(1);
          }
        }),
      );
      await Promise.all(ours.map((each) => each.disconnect()));
      for (const program of programs) {
        deepEqual(
          said(await endOf(program), 'send'),
          Array.from({ length: MESSAGES }, () => good),
        );
      }
    },
  },
  {
    name: 'Linux takes receives from a shared queue, which is often empty',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const steps = Array.from({ length: MESSAGES }, () => ['sleep=20', 'post=1', 'receive']).flat();
      const { ours, linux } = await link(stage, 'server', steps, { words: '--srq --receives 0' });
      await Promise.all(
        Array.from({ length: MESSAGES }, (_, index) => succeeds(ours.send(dataOf(SHARED_BYTES - index, index)))),
      );
      ok(stage.us.transport.counters.retransmitted > 0, 'there was always a receive');
      await ours.disconnect();
      deepEqual(
        said(await endOf(linux), 'receive'),
        Array.from({ length: MESSAGES }, (_, index) => ({ ...good, ...crcOf(dataOf(SHARED_BYTES - index, index)) })),
      );
    },
  },
  {
    name: 'Linux waits until we have a receive',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const { ours, linux } = await link(stage, 'client', ['send=5000,1', 'send=5,2'], { options: { receives: 0 } });
      await untilNotReady(stage);
      ours.post(1);
      expectArrived(await ours.receive(), dataOf(5_000, 1), undefined, undefined);
      ours.post(1);
      expectArrived(await ours.receive(), dataOf(5, 2), undefined, undefined);
      await ours.disconnect();
      deepEqual(said(await endOf(linux), 'send'), [good, good]);
    },
  },
  {
    name: 'Linux does not wait for ever until we have a receive',
    linux: 'client',
    async run(stage) {
      const { ours, linux } = await link(stage, 'client', ['send=5000,1', 'state'], {
        options: { receives: 0, rnrRetryCount: 2 },
        words: '--rnr-retries 2',
      });
      await linux.event('state');
      equal(ours.queuePair.state, 'RTS');
      await ours.disconnect();
      const lines = await endOf(linux);
      deepEqual(said(lines, 'send'), [{ status: RNR_RETRY_EXCEEDED }]);
      deepEqual(said(lines, 'state'), [{ ...good, value: ERROR_STATE }]);
    },
  },
  {
    name: 'we do not wait for ever until Linux has a receive',
    linux: 'server',
    async run(stage) {
      const { ours, linux } = await link(stage, 'server', ['sleep=100', 'state'], {
        options: { rnrRetryCount: 2 },
        words: '--receives 0 --rnr-retries 2',
      });
      equal((await ours.send(dataOf(5_000, 1))).status, 'rnrRetryExceeded');
      equal(ours.queuePair.state, 'ERR');
      await ours.disconnect();
      deepEqual(said(await endOf(linux), 'state'), [{ ...good, value: READY_TO_SEND }]);
    },
  },
];

/** Unreliable connections: messages and writes; what is too long is lost, and nobody is told. */
const UNRELIABLE: Script = {
  name: 'an unreliable connection (UC): messages and writes, with immediate data and without, both ways',
  options: { service: 'uc' },
  words: '--uc',
  steps: () => [
    'receive',
    'send=5000,1',
    'send-immediate=3,2,77',
    'write=100,9000,3',
    `write-immediate=10000,5000,4,${IMMEDIATE}`,
    'receive',
    'receive',
    'receive',
    'memory=0,65536',
  ],
  async play(ours) {
    await succeeds(ours.send(new Uint8Array(0)));
    expectArrived(await ours.receive(), dataOf(5_000, 1), undefined, undefined);
    expectArrived(await ours.receive(), dataOf(3, 2), 77, undefined);
    expectArrived(await ours.receive(), new Uint8Array(0), IMMEDIATE, 5_000);
    const expected = memoryOf(65_536);
    expected.set(dataOf(9_000, 3), 100);
    expected.set(dataOf(5_000, 4), 10_000);
    ok(Buffer.from(ours.memory.bytes).equals(expected), 'our memory is wrong');
    await succeeds(ours.send(dataOf(5_000, 5)));
    await succeeds(ours.write(200, dataOf(8_000, 6)));
    await succeeds(ours.send(dataOf(1, 7), { immediate: 78 }));
    await succeeds(ours.write(9_000, dataOf(3_000, 8), { immediate: 79 }));
    // Nothing acknowledges them.
    await new Promise((resolve) => setTimeout(resolve, 500));
  },
  check(lines) {
    deepEqual(said(lines, 'receive'), [
      { ...good, ...crcOf(new Uint8Array(0)) },
      { ...good, ...crcOf(dataOf(5_000, 5)) },
      { ...good, ...crcOf(dataOf(1, 7)), immediate: 78, written: -1 },
      { ...good, ...crcOf(new Uint8Array(0)), immediate: 79, written: 3_000 },
    ]);
    const expected = memoryOf(65_536);
    expected.set(dataOf(8_000, 6), 200);
    expected.set(dataOf(3_000, 8), 9_000);
    deepEqual(said(lines, 'memory'), [{ ...good, ...crcOf(expected) }]);
  },
};

/** Until a message of Linux' has met no receive. */
async function untilNotReady(stage: Stage): Promise<void> {
  while (stage.us.transport.counters.packetsSent === 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

function expectArrived(
  { status, data, immediate, written }: Awaited<ReturnType<DataPeer['receive']>>,
  expected: Uint8Array,
  expectedImmediate: number | undefined,
  expectedWritten: number | undefined,
): void {
  deepEqual([status, immediate, written], ['success', expectedImmediate, expectedWritten]);
  ok(Buffer.from(data).equals(expected), `${data.length} bytes came, and are not the ${expected.length} expected`);
}

async function expectRead(ours: DataPeer, place: number, expected: Uint8Array): Promise<void> {
  const { status, data } = await ours.read(place, expected.length);
  equal(status, 'success');
  ok(Buffer.from(data).equals(expected), `${expected.length} bytes at ${place} are not what they should be`);
}

async function succeeds(done: Promise<{ readonly status: string }>): Promise<void> {
  equal((await done).status, 'success');
}

const playing = (script: Script, more: Partial<Scenario> = {}): readonly Scenario[] => [
  ...bothRoles({
    name: script.name,
    ...more,
    run: (stage, role) => perform(stage, role, script, false),
  }),
];

const playingDisturbed = (script: Script): readonly Scenario[] =>
  bothRoles({
    name: `${script.name}, ${DISTURBED}`,
    families: ['IPv4', 'IPv6'],
    patient: true,
    run: (stage, role) => perform(stage, role, script, true),
  });

/** Queue pairs of Linux and of ours, whose work requests the scenarios post themselves. */
export const QUEUE_PAIRS: readonly Scenario[] = [
  ...playing(WRITES_AND_READS, MAIN),
  ...playing(ATOMICS, { ...MAIN, inSubset: 'IPv4' }),
  ...playing(IMMEDIATE_DATA, { ...MAIN, inSubset: 'IPv4' }),
  ...INVALIDATING,
  ...playing(UNRELIABLE, MAIN),
  ...RECEIVES,
  ...REFUSING,
  ...[WRITES_AND_READS, ATOMICS, IMMEDIATE_DATA].flatMap(playingDisturbed),
];
