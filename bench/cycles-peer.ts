import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { parseGid } from 'ibcm/base';
import { type SentDatagram, UdpPort } from 'ibcm/io';
import { Acceptor } from './connection-cycles.js';
import { ECHO_ADDRESS, ECHO_DGRAM_PORT, PEER_ADDRESS } from './cycles-addresses.js';

/** Run as a process of its own: accepts every connection, and sends every datagram back, through both kinds of sockets; with `--busy-poll`, batched ones look all the time. */

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const busyPoll = process.argv.includes('--busy-poll');

async function echo(): Promise<() => Promise<void>> {
  const gid = parseGid(ECHO_ADDRESS);
  const port = await UdpPort.open({ gid, busyPoll, onWarning: () => undefined });
  const remoteGid = new Uint8Array(16);
  const path = { port: 1, localGid: gid, remoteGid, trafficClass: 0, sourcePort: 0 };
  const answer: Mutable<SentDatagram> = { bytes: remoteGid, at: 0, length: 0, path, sourcePort: 4_791 };
  port.onDatagram = ({ bytes, at, length, remoteGid: from }) => {
    remoteGid.set(from);
    answer.bytes = bytes;
    answer.at = at;
    answer.length = length;
    port.send(answer);
    port.flush();
  };
  return () => port.close();
}

async function echoOfDgram(): Promise<() => Promise<void>> {
  const socket = createSocket('udp4');
  const listening = once(socket, 'listening');
  socket.bind({ address: ECHO_ADDRESS, port: ECHO_DGRAM_PORT, exclusive: true });
  await listening;
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
  return async () => {
    socket.close();
  };
}

const acceptor = await Acceptor.open(PEER_ADDRESS, {});
const stops = [await echo(), await echoOfDgram(), () => acceptor.close()];
process.on('message', (what) => {
  const { user, system } = process.cpuUsage();
  if (what === 'used') process.send?.(user + system);
  else void Promise.all(stops.map((stop) => stop())).then(() => process.disconnect());
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
process.send?.('ready');
