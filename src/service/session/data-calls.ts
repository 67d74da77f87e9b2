import { GSI_QPN } from '../../base/index.js';
import type { MemoryRegion } from '../../transport/index.js';
import { ServiceError } from '../error.js';
import { given } from '../given.js';
import type { Nothing } from '../messages.js';
import { abandoned } from './abandoned.js';
import type { CallContext, Calls } from './call.js';
import { during, holding, on, opening } from './call.js';
import * as describe from './describe.js';
import { receiveBytes } from './endpoint-calls.js';

const DONE = {};
const ATOMIC_BYTES = 8;
/** The longest stretch that one call reads: what a gRPC message holds with room to spare. */
const READ_BYTES_MAX = 2 ** 22;
/** What a region or a transfer costs at least: the adapter, which others use, too, has 65,536 regions, and transfers that were taken back still wait for their turn. */
const REGION_BYTES_MIN = 2 ** 14;

/** Data of connections and datagram sockets. */
export const DATA_CALLS = {
  openSocket: opening((options, { adapter, account, owned }) =>
    holding(account, { ceps: 1, memoryBytes: receiveBytes(options) }, async (hold) => {
      const socket = await adapter.openDatagramSocket(given(options));
      const { address, qKey, qpn } = socket;
      return { handle: owned.add('socket', socket, () => socket.close(), hold), address, qKey, qpn };
    }),
  ),

  send: on('connection', ({ connection }, { data, immediate }, context) =>
    sending(context, data, () => connection.send(data, given({ immediate }))),
  ),

  sendDatagram: on('socket', (socket, { data, immediate, address, qpn, qKey }, context) => {
    // What managers say to each other no client says for ours, which speaks for other clients, too.
    if (qpn <= GSI_QPN) throw new ServiceError('LIMIT_REACHED', `queue pair ${qpn} is the peer's manager`, { qpn });
    return sending(context, data, () => socket.send(data, { address, qpn, qKey }, given({ immediate })));
  }),

  receive: on('connection', async (connection, _, { signal }) => ({ message: await connection.receive(signal) })),

  receiveDatagram: on('socket', async (socket, _, { signal }) => {
    const datagram = await socket.receive({ signal });
    return { datagram: datagram && describe.datagram(datagram) };
  }),

  write: on('connection', ({ connection }, { to, data, immediate }, context) =>
    sending(context, data, () => connection.write(to, data, given({ immediate }))),
  ),

  read: on('connection', async ({ connection }, { from, length }, context) => {
    checkLength(length);
    const data = new Uint8Array(length);
    await moving(context, length, () => connection.read(from, data));
    return { data };
  }),

  fetchAdd: on('connection', async ({ connection }, { at, add }, context) => ({
    value: await moving(context, ATOMIC_BYTES, () => connection.fetchAdd(at, add)),
  })),

  compareSwap: on('connection', async ({ connection }, { at, compare, swap }, context) => ({
    value: await moving(context, ATOMIC_BYTES, () => connection.compareSwap(at, compare, swap)),
  })),

  register: on('connection', ({ connection }, { length, data, ...rights }, { account, owned }) => {
    if (data.length > length) {
      throw new ServiceError('PROTOCOL', `${data.length} bytes are given for a region of ${length}`, { length });
    }
    const hold = account.take({ memoryBytes: Math.max(length, REGION_BYTES_MIN) });
    try {
      const bytes = new Uint8Array(length);
      bytes.set(data);
      const region = connection.register(bytes, rights);
      const end = (): void => {
        if (region.registered) region.deregister();
      };
      const handle = owned.add('memory region', region, end, hold);
      return { handle, address: region.address, rkey: region.rkey };
    } catch (error) {
      hold.release();
      throw error;
    }
  }),

  readMemory: on('memory region', (region, { offset, length }) => {
    checkLength(length);
    return { data: part(region, offset, length).slice() };
  }),

  writeMemory: on('memory region', (region, { offset, data }) => {
    part(region, offset, data.length).set(data);
    return DONE;
  }),
} as const satisfies Calls<
  | 'openSocket'
  | 'send'
  | 'sendDatagram'
  | 'receive'
  | 'receiveDatagram'
  | 'write'
  | 'read'
  | 'fetchAdd'
  | 'compareSwap'
  | 'register'
  | 'readMemory'
  | 'writeMemory'
>;

async function sending(context: CallContext, data: Uint8Array, send: () => Promise<void>): Promise<Nothing> {
  await moving(context, data.length, send);
  return DONE;
}

/** A transfer. A client that takes it back does not wait any more; the transfer itself goes on, and is counted until it is over. */
function moving<T>({ account, signal }: CallContext, length: number, move: () => Promise<T>): Promise<T> {
  return abandoned(during(account, { memoryBytes: Math.max(length, REGION_BYTES_MIN) }, move), signal);
}

function checkLength(length: number): void {
  if (length <= READ_BYTES_MAX) return;
  const text = `${length} bytes are asked for; one call reads at most ${READ_BYTES_MAX}`;
  throw new ServiceError('LIMIT_REACHED', text, { length, maximum: READ_BYTES_MAX });
}

/** @throws TransportError `INVALID_ARGUMENT` outside of the region. */
function part(region: MemoryRegion, offset: number, length: number): Uint8Array {
  region.element(offset, length);
  return region.bytes.subarray(offset, offset + length);
}
