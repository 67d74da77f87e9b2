import { equal, match, ok } from 'node:assert/strict';
import type { Connection, Datagram, DatagramSocket } from 'ibcm';
import { RPING_CONNECTION, RpingClient, rpingData, serveRping } from '../../../dist/cli/rping.js';
import { nextRequest } from '../our-side.js';
import {
  checkDisturbed,
  closed,
  DISTURBED,
  disturb,
  MAIN,
  pathMtuOf,
  QUICK,
  type Scenario,
  target,
} from '../scenario.js';
import type { Stage } from '../stage.js';

/** How often the data goes there and back, by its size: one packet, several, and the most that rping takes. */
const PINGS = [
  { size: 64, rounds: 1_000 },
  { size: 4_096, rounds: 100 },
  { size: 65_535, rounds: 20 },
] as const;
/** Less, since each packet that is lost may cost a time-out of seconds. */
const DISTURBED_PINGS = [
  { size: 64, rounds: 30, disturbed: true },
  { size: 4_096, rounds: 20, disturbed: true },
  { size: 65_535, rounds: 5, disturbed: true },
] as const;

/** Of ucmatose: longer than a packet. */
const CONNECTIONS = 3;
const MESSAGES = 10;
const MESSAGE_BYTES = 5_000;
/** Of rdma_client and rdma_server. */
const SHORT_BYTES = 16;

/** udaddy has no option for the port. */
const UDADDY_PORT = 7174;
const DATAGRAM_BYTES = 1_000;
/** In udaddy's buffer, from whose beginning it answers, the network header is before the data. */
const NETWORK_HEADER_BYTES = 40;

/** What ucmatose and udaddy say in the end. */
const COMPLETE = /data transfers complete.*return status 0/s;

/** What rping says of its end: as a client it may end before it hears of it, or hear of what comes after it, too. */
const CLIENT_ENDED =
  /^(client DISCONNECT EVENT\.\.\.\s*)?(unhandled event: RDMA_CM_EVENT_TIMEWAIT_EXIT, ignoring\s*)?$/;
/** When rping is done, it closes the channel that a thread of its own still reads; now and then that thread notices, and says so. */
const LATE_THREAD_STATUS = 255;
const SERVER_ENDED = /^server DISCONNECT EVENT\.\.\./;

interface Ping {
  readonly size: number;
  readonly rounds: number;
  /** Packets of data are lost, come twice or late. */
  readonly disturbed?: boolean;
}

/** rping -c moves data to us and back, and compares; here it is compared with what rping should have sent. */
function linuxPings({ size, rounds, disturbed = false }: Ping, more: Partial<Scenario>): Scenario {
  return {
    name: nameOf({ size, rounds, disturbed }),
    linux: 'client',
    ...more,
    async run(stage) {
      const accepting = stage.accept(RPING_CONNECTION);
      const { us, port } = stage;
      const linux = stage.start(`rping -c -a ${us.address} -p ${port} -S ${size} -C ${rounds} -V`);
      const connection = await accepting;
      equal(connection.query().attributes.mtu, pathMtuOf(stage).code);
      if (disturbed) disturb(stage);
      let round = 0;
      await serveRping(connection, never(), (data) => {
        ok(Buffer.from(data).equals(rpingData(round, size)), `round ${round}: it is not what rping should have sent`);
        round += 1;
      });
      equal(round, rounds);
      equal(await closed(connection), 'peer');
      await ended(linux, CLIENT_ENDED);
      checkDisturbed(stage, disturbed);
    },
  };
}

/** We move data to rping -s and back, and compare. */
function wePing({ size, rounds, disturbed = false }: Ping, more: Partial<Scenario>): Scenario {
  return {
    name: nameOf({ size, rounds, disturbed }),
    linux: 'server',
    ...more,
    async run(stage) {
      const linux = stage.start(`rping -s -a ${stage.linuxAddress} -p ${stage.port} -S ${size}`);
      await stage.untilLinuxListens();
      const { code, bytes } = pathMtuOf(stage);
      const connection = await stage.connect({ ...RPING_CONNECTION, mtu: bytes });
      equal(connection.query().attributes.mtu, code);
      if (disturbed) disturb(stage);
      const client = await RpingClient.over(connection, size);
      for (let round = 0; round < rounds; round += 1) await client.ping(never());
      equal(await connection.disconnect(QUICK), 'disconnected');
      await ended(linux, SERVER_ENDED);
      checkDisturbed(stage, disturbed);
    },
  };
}

function nameOf({ size, rounds, disturbed }: Ping): string {
  return `rping, ${size} bytes, ${rounds} rounds${disturbed ? `, ${DISTURBED}` : ''}`;
}

const bothWays = (ping: Ping, more: Partial<Scenario>): Scenario[] => [linuxPings(ping, more), wePing(ping, more)];

const PINGING = [
  ...PINGS.flatMap((ping) => bothWays(ping, { ...MAIN, ...(ping.size === 4_096 && { inSubset: 'IPv4' }) })),
  ...DISTURBED_PINGS.flatMap((ping) => bothWays(ping, { families: ['IPv4', 'IPv6'], patient: true })),
];

/** Programs that move data, and our side with each. */
export const DATA: readonly Scenario[] = [
  ...PINGING,
  {
    name: 'ibcm ping and rping',
    linux: 'server',
    families: ['IPv4', 'IPv6'],
    unseen: true,
    async run(stage) {
      const linux = stage.start(`rping -s -a ${stage.linuxAddress} -p ${stage.port} -S 4096`);
      await stage.untilLinuxListens();
      const words = ['--from', stage.us.address, '--size', '4096', '--count', '20', '--quiet'];
      const ours = await stage.spawnOurs('ping', target(stage.linuxAddress, stage.port), ...words);
      equal((await ours.event('pinged'))['rounds'], 20);
      equal((await ours.event('closed'))['cause'], 'disconnected');
      equal((await ours.ended()).status, 0);
      await ended(linux, SERVER_ENDED);
    },
  },
  {
    name: 'rping and ibcm serve-ping',
    linux: 'client',
    families: ['IPv4', 'IPv6'],
    unseen: true,
    async run(stage) {
      const { us, port } = stage;
      const ours = await stage.spawnOurs('serve-ping', target(us.address, port), '--count', '2', '--quiet');
      await ours.event('listening');
      for (const size of [64, 4_096]) {
        const linux = stage.start(`rping -c -a ${us.address} -p ${port} -S ${size} -C 20 -V`);
        await ended(linux, CLIENT_ENDED);
      }
      equal((await ours.ended()).status, 0);
      equal(
        ours.lines.entries.filter(({ event, ['rounds']: rounds }) => event === 'served' && rounds === 20).length,
        2,
      );
    },
  },
  {
    name: 'rdma_client sends a message, and gets one',
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const accepting = stage.accept();
      const linux = stage.start(`rdma_client -s ${stage.us.address} -p ${stage.port}`);
      const connection = await accepting;
      ok(Buffer.alloc(SHORT_BYTES).equals(await received(connection)));
      await connection.send(new Uint8Array(SHORT_BYTES));
      equal(await closed(connection), 'peer');
      await ended(linux, /rdma_client: end 0/);
    },
  },
  {
    name: 'rdma_server gets a message, and sends one',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const linux = stage.start(`rdma_server -s ${stage.linuxAddress} -p ${stage.port}`);
      await stage.untilLinuxListens();
      const connection = await stage.connect();
      await connection.send(new Uint8Array(SHORT_BYTES));
      ok(Buffer.alloc(SHORT_BYTES).equals(await received(connection)));
      equal(await closed(connection), 'peer');
      await ended(linux, /rdma_server: end 0/);
    },
  },
  {
    name: 'rdma_xclient sends a message, as RC',
    linux: 'client',
    async run(stage) {
      const accepting = stage.accept();
      const linux = stage.start(`rdma_xclient -s ${stage.us.address} -p ${stage.port} -c r`);
      const connection = await accepting;
      ok(Buffer.alloc(SHORT_BYTES).equals(await received(connection)));
      equal(await closed(connection), 'peer');
      await ended(linux, /rdma_xclient: end 0/);
    },
  },
  {
    name: 'rdma_xserver gets a message, as RC',
    linux: 'server',
    async run(stage) {
      const linux = stage.start(`rdma_xserver -p ${stage.port} -c r`);
      await stage.untilLinuxListens();
      const connection = await stage.connect();
      await connection.send(new Uint8Array(SHORT_BYTES));
      equal(await closed(connection), 'peer');
      await ended(linux, /rdma_xserver: end 0/);
    },
  },
  {
    name: `ucmatose, ${CONNECTIONS} connections, ${MESSAGES} messages each way`,
    linux: 'client',
    ...MAIN,
    async run(stage) {
      const listener = await stage.listen();
      const linux = stage.start(`ucmatose -s ${stage.us.address} -p ${stage.port} ${ucmatoseOptions(stage)}`);
      const connections: Connection[] = [];
      while (connections.length < CONNECTIONS) {
        connections.push(await (await nextRequest(listener)).accept({ ...QUICK, ...UCMATOSE_CONNECTION }));
      }
      await Promise.all(
        connections.map(async (connection, index) => {
          await sendMessages(connection, index);
          // It has one buffer for all messages, and answers with what is in it.
          for (let left = MESSAGES; left > 0; left -= 1) equalBytes(await received(connection), lastMessage(index));
        }),
      );
      const ends = await Promise.all(connections.map((connection) => connection.disconnect(QUICK)));
      ok(
        ends.every((end) => end === 'disconnected'),
        ends.join(),
      );
      await ended(linux, COMPLETE);
    },
  },
  {
    name: `ucmatose, ${CONNECTIONS} connections, ${MESSAGES} messages each way`,
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const linux = stage.start(`ucmatose -b ${stage.linuxAddress} -p ${stage.port} ${ucmatoseOptions(stage)}`);
      await stage.untilLinuxListens();
      const connections: Connection[] = [];
      while (connections.length < CONNECTIONS) {
        const connection = await stage.connect({ ...UCMATOSE_CONNECTION, mtu: pathMtuOf(stage).bytes });
        // It sends what is in its one buffer as soon as it has all its connections: what we have sent before that.
        await sendMessages(connection, connections.length);
        connections.push(connection);
      }
      for (const [index, connection] of connections.entries()) {
        for (let left = MESSAGES; left > 0; left -= 1) {
          const message = await received(connection);
          // On the last one, ours and its own cross each other.
          if (index < CONNECTIONS - 1) equalBytes(message, lastMessage(index));
          else equal(message.length, MESSAGE_BYTES);
        }
      }
      for (const connection of connections) equal(await closed(connection), 'peer');
      await ended(linux, COMPLETE);
    },
  },
  {
    name: 'udaddy finds us, sends datagrams, and gets as many',
    linux: 'client',
    ...MAIN,
    inSubset: 'IPv4',
    async run(stage) {
      const socket = await stage.us.adapter.openDatagramSocket(UDADDY_SOCKET);
      const listener = await stage.us.adapter.listenDatagram({ port: UDADDY_PORT });
      const linux = stage.start(`udaddy -s ${stage.us.address} ${udaddyOptions(stage)}`);
      for await (const request of listener) {
        request.accept({ qpn: socket.qpn, qKey: socket.qKey });
        break;
      }
      for (let left = MESSAGES; left > 0; left -= 1) {
        const { data, from, immediate } = await receivedDatagram(socket);
        equal(data.length, DATAGRAM_BYTES);
        equal(from.address, stage.linuxAddress);
        // So the program says where answers go.
        equal(immediate, from.qpn);
        await socket.send(datagram(left), { ...from, qKey: socket.qKey }, { immediate: socket.qpn });
      }
      await ended(linux, COMPLETE);
    },
  },
  {
    name: 'udaddy is found, gets datagrams, and sends as many',
    linux: 'server',
    ...MAIN,
    async run(stage) {
      const socket = await stage.us.adapter.openDatagramSocket(UDADDY_SOCKET);
      const linux = stage.start(`udaddy -b ${stage.linuxAddress} ${udaddyOptions(stage)}`);
      await stage.untilLinuxListens(UDADDY_PORT);
      const service = await stage.us.adapter.lookup({ host: stage.linuxAddress, port: UDADDY_PORT, ...QUICK });
      for (let each = 1; each <= MESSAGES; each += 1) {
        await socket.send(datagram(each), service, { immediate: socket.qpn });
      }
      for (let left = MESSAGES; left > 0; left -= 1) {
        const { data, from, immediate } = await receivedDatagram(socket);
        equal(data.length, DATAGRAM_BYTES);
        equal(from.address, stage.linuxAddress);
        equal(from.qpn, service.qpn);
        equal(immediate, service.qpn);
        const expected = datagram(MESSAGES).subarray(0, DATAGRAM_BYTES - NETWORK_HEADER_BYTES);
        equalBytes(data.subarray(NETWORK_HEADER_BYTES), expected);
      }
      await ended(linux, COMPLETE);
    },
  },
];

const UCMATOSE_CONNECTION = { receives: MESSAGES, receiveBytes: MESSAGE_BYTES } as const;
const UDADDY_SOCKET = { receives: MESSAGES, receiveBytes: DATAGRAM_BYTES } as const;

const ucmatoseOptions = ({ family }: Stage): string =>
  `-c ${CONNECTIONS} -C ${MESSAGES} -S ${MESSAGE_BYTES} ${family === 'IPv6' ? '-f ip' : ''}`;

const udaddyOptions = ({ family }: Stage): string =>
  `-C ${MESSAGES} -S ${DATAGRAM_BYTES} ${family === 'IPv6' ? '-f ipv6' : ''}`;

/** Bytes that tell connections, messages and places apart. */
const message = (connection: number, number: number): Uint8Array =>
  Uint8Array.from({ length: MESSAGE_BYTES }, (_, place) => 31 * connection + 7 * number + place + (place >> 8));

const lastMessage = (connection: number): Uint8Array => message(connection, MESSAGES);

const datagram = (number: number): Uint8Array => message(0, number).subarray(0, DATAGRAM_BYTES);

async function sendMessages(connection: Connection, index: number): Promise<void> {
  for (let number = 1; number <= MESSAGES; number += 1) await connection.send(message(index, number));
}

async function received(connection: Connection): Promise<Uint8Array> {
  const next = await connection.receive();
  if (next === undefined) throw new Error(`the connection ended before the message came: ${connection.closeCause}`);
  return next.data;
}

async function receivedDatagram(socket: DatagramSocket): Promise<Datagram> {
  const next = await socket.receive();
  if (next === undefined) throw new Error('the socket was closed before the datagram came');
  return next;
}

function equalBytes(actual: Uint8Array, expected: Uint8Array): void {
  ok(Buffer.from(actual).equals(expected), `${actual.length} bytes came, and are not the ${expected.length} expected`);
}

/** Fails unless a program in the guest has come to a good end, and said so. */
async function ended(linux: ReturnType<Stage['start']>, saying: RegExp): Promise<void> {
  const { status, output } = await linux.finished;
  const [, said = output, late] = /^(.*?)(rdma_get_cm_event: Bad file descriptor)?\s*$/s.exec(output) ?? [];
  equal(status, late === undefined ? 0 : LATE_THREAD_STATUS, output);
  match(said, saying);
}

/** The scenario's own time-out ends it. */
const never = (): AbortSignal => new AbortController().signal;
