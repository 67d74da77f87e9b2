import { equal, match, ok } from 'node:assert/strict';
import { type Connection, TransferError } from 'ibcm';
import { PLACE_BYTES, RPING_CONNECTION } from '../../../dist/cli/rping.js';
import { closed, failure, type Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const BYTES = 64;
const NOWHERE = 0x1000;
/** `IBV_WC_REM_ACCESS_ERR` and `IBV_WC_REM_INV_REQ_ERR`, as rping says them. */
const REMOTE_ACCESS_ERROR = /cq completion failed status 10$/m;
const REMOTE_INVALID_REQUEST = /cq completion failed status 9$/m;

/** What a queue pair may not do with the other one's memory and receives: both sides must say so, and end. rping's protocol leads there. */
export const REFUSING_DATA: readonly Scenario[] = [
  {
    name: 'rping reads memory of ours that is not registered',
    linux: 'server',
    async run(stage) {
      const linux = stage.start(`rping -s -a ${stage.linuxAddress} -p ${stage.port}`);
      await stage.untilLinuxListens();
      const connection = await stage.connect(RPING_CONNECTION);
      await connection.send(place(NOWHERE, 0));
      await ends(connection);
      match((await linux.finished).output, REMOTE_ACCESS_ERROR);
    },
  },
  {
    name: 'rping sends a message that is longer than our receive',
    linux: 'server',
    async run(stage) {
      const linux = stage.start(`rping -s -a ${stage.linuxAddress} -p ${stage.port}`);
      await stage.untilLinuxListens();
      const connection = await stage.connect({ ...RPING_CONNECTION, receiveBytes: PLACE_BYTES - 1 });
      const { address, rkey } = connection.register(new Uint8Array(BYTES), { remoteRead: true });
      await connection.send(place(address, rkey));
      equal(await connection.receive(), undefined);
      await ends(connection);
      match((await linux.finished).output, REMOTE_INVALID_REQUEST);
    },
  },
  {
    name: 'we read memory of rping that is not registered',
    linux: 'client',
    async run(stage) {
      const { connection, linux } = await rpingConnects(stage);
      const { address, rkey } = await placeOf(connection);
      const error = await failure(connection.read({ address, rkey: rkey ^ 1 }, new Uint8Array(BYTES)));
      ok(error instanceof TransferError && error.code === 'REMOTE_ACCESS_ERROR', String(error));
      await ends(connection);
      await linux.finished;
    },
  },
  {
    name: 'we read more memory of rping than is registered',
    linux: 'client',
    async run(stage) {
      const { connection, linux } = await rpingConnects(stage);
      const error = await failure(connection.read(await placeOf(connection), new Uint8Array(BYTES + 1)));
      ok(error instanceof TransferError && error.code === 'REMOTE_ACCESS_ERROR', String(error));
      await ends(connection);
      await linux.finished;
    },
  },
  {
    name: 'we send a message that is longer than the receive of rping',
    linux: 'client',
    async run(stage) {
      const { connection, linux } = await rpingConnects(stage);
      await placeOf(connection);
      const error = await failure(connection.send(new Uint8Array(PLACE_BYTES + 1)));
      // Where we and others say that the request was invalid, soft-RoCE says that it could not do it.
      ok(error instanceof TransferError && error.code === 'REMOTE_OPERATIONAL_ERROR', String(error));
      await ends(connection);
      match((await linux.finished).output, /cq completion failed status \d/);
    },
  },
];

async function rpingConnects(
  stage: Stage,
): Promise<{ readonly connection: Connection; readonly linux: ReturnType<Stage['start']> }> {
  const accepting = stage.accept(RPING_CONNECTION);
  const linux = stage.start(`rping -c -a ${stage.us.address} -p ${stage.port} -S ${BYTES} -C 1`);
  return { connection: await accepting, linux };
}

/** The queue pair is of no use any more: whoever is first ends the connection. */
async function ends(connection: Connection): Promise<void> {
  const cause = await closed(connection);
  ok(cause === 'broken' || cause === 'peer', cause);
}

/** A place in memory, as rping tells it. */
function place(address: number, rkey: number): Uint8Array {
  const bytes = Buffer.alloc(PLACE_BYTES);
  bytes.writeBigUInt64BE(BigInt(address));
  bytes.writeUInt32BE(rkey, 8);
  bytes.writeUInt32BE(BYTES, 12);
  return bytes;
}

async function placeOf(connection: Connection): Promise<{ readonly address: bigint; readonly rkey: number }> {
  const message = await connection.receive();
  if (message === undefined) throw new Error('rping has said nothing');
  const bytes = Buffer.from(message.data);
  return { address: bytes.readBigUInt64BE(), rkey: bytes.readUInt32BE(8) };
}
