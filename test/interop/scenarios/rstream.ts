import { equal, match, ok } from 'node:assert/strict';
import type { DataPeer } from '../data-peer.js';
import { RSocket, rsocketOptions } from '../rsocket.js';
import { bothRoles, checkDisturbed, DISTURBED, disturb, MAIN, pathMtuOf, type Scenario } from '../scenario.js';
import type { Role, Stage } from '../stage.js';

/** Both programs begin with so many bytes each way. */
const HELLO_BYTES = 16;

interface Test {
  readonly bytes: number;
  /** One way, before they go the other way. */
  readonly times: number;
  readonly rounds: number;
  readonly disturbed?: boolean;
}

const TESTS: readonly Test[] = [
  { bytes: 64, times: 100, rounds: 3 },
  { bytes: 65_536, times: 10, rounds: 2 },
  { bytes: 1_000_000, times: 2, rounds: 1 },
];
const DISTURBED_TESTS: readonly Test[] = [{ bytes: 20_000, times: 5, rounds: 3, disturbed: true }];

/** What their `verify` sends and expects: all bytes of a direction are numbered. */
class Numbered {
  #next = 0;

  take(count: number): Uint8Array {
    const bytes = Uint8Array.from({ length: count }, (_, i) => this.#next + i);
    this.#next = (this.#next + count) & 0xff;
    return bytes;
  }

  expect(bytes: Uint8Array): void {
    ok(Buffer.from(bytes).equals(this.take(bytes.length)), 'it is not what should have been sent');
  }
}

/** Our part of rstream. */
async function stream(socket: RSocket, { bytes, times, rounds }: Test, linux: Role): Promise<void> {
  const [sent, received] = [new Numbered(), new Numbered()];
  const send = async (count: number): Promise<void> => socket.send(sent.take(count));
  const receive = async (count: number): Promise<void> => received.expect(await socket.receive(count));
  const [first, second] = linux === 'server' ? [send, receive] : [receive, send];
  await first(HELLO_BYTES);
  await second(HELLO_BYTES);
  for (let round = 0; round < rounds; round += 1) {
    for (let left = times; left > 0; left -= 1) await first(bytes);
    for (let left = times; left > 0; left -= 1) await second(bytes);
  }
}

/** Our part of riostream: the last byte of what is written tells when it is there. */
async function writeMapped(socket: RSocket, { bytes, times, rounds }: Test, linux: Role): Promise<void> {
  const [sent, received] = [new Numbered(), new Numbered()];
  const memory = socket.mapped;
  const last = bytes - 1;
  memory[last] = 0xff;
  await socket.map();
  const hello = new Uint8Array(HELLO_BYTES);
  if (linux === 'server') await socket.send(hello);
  equal((await socket.receive(HELLO_BYTES)).length, HELLO_BYTES);
  if (linux === 'client') await socket.send(hello);
  const send = async (marker: number): Promise<void> => {
    for (let left = times - 1; left > 0; left -= 1) await socket.writeMapped(memory);
    memory.set(sent.take(last));
    memory[last] = marker;
    await socket.writeMapped(memory);
  };
  const receive = async (marker: number): Promise<void> => {
    await socket.untilMapped(last, marker);
    received.expect(memory.subarray(0, last));
  };
  const [first, second] = linux === 'server' ? [send, receive] : [receive, send];
  for (let round = 0; round < rounds; round += 1) {
    await first((2 * round) & 0xff);
    await second((2 * round + 1) & 0xff);
  }
}

const PROGRAMS = [
  { program: 'rstream', act: stream, mapped: () => 0 },
  { program: 'riostream', act: writeMapped, mapped: ({ bytes }: Test) => bytes },
] as const;

/** Connects our end with the program's. */
async function open(stage: Stage, program: string, options: string, linux: Role, mapped: number) {
  const { us, port, linuxAddress } = stage;
  const ours = { ...rsocketOptions(mapped), mtu: pathMtuOf(stage).code };
  const peers = us.openDataPeers();
  if (linux === 'client') {
    const [connected] = peers.listen(port, 1, ours) as [Promise<DataPeer>];
    const command = stage.start(`${program} -s ${us.address} -p ${port} ${options}`);
    return { command, peer: await connected };
  }
  const command = stage.start(`${program} -b ${linuxAddress} -p ${port} ${options}`);
  await stage.untilLinuxListens();
  return { command, peer: await peers.connect(linuxAddress, port, ours) };
}

const scenariosOf = (test: Test, more: Partial<Scenario>): readonly Scenario[] =>
  PROGRAMS.flatMap(({ program, act, mapped }) => {
    const { bytes, times, rounds, disturbed = false } = test;
    return bothRoles({
      name: `${program}, ${bytes} bytes, ${times} times, ${rounds} round${rounds > 1 ? 's' : ''}${disturbed ? `, ${DISTURBED}` : ''}`,
      ...more,
      async run(stage, linux) {
        const options = `-S ${bytes} -C ${times} -I ${rounds} -T v`;
        const { command, peer } = await open(stage, program, options, linux, mapped(test));
        if (disturbed) disturb(stage);
        const socket = new RSocket(peer);
        await act(socket, test, linux);
        await socket.ended();
        const { status, output } = await command.finished;
        equal(status, 0, output);
        match(output, /^custom\s/m);
        checkDisturbed(stage, disturbed);
      },
    });
  });

/** Streams by rsockets, with every byte compared on both sides; of memory that is mapped, what stays there. */
export const RSTREAM: readonly Scenario[] = [
  ...TESTS.flatMap((test) => scenariosOf(test, { ...MAIN, ...(test.bytes === 65_536 && { inSubset: 'IPv4' }) })),
  ...DISTURBED_TESTS.flatMap((test) => scenariosOf(test, { families: ['IPv4', 'IPv6'], patient: true })),
];
