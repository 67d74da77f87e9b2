import { equal, match, ok } from 'node:assert/strict';
import { type DatagramListener, LookupRejectedError, type LookupRequest } from 'ibcm';
import { IP_CM_SIDR_PRIVATE_DATA_MAX, type MessageName, RDMA_UDP_Q_KEY } from 'ibcm/wire';
import type { Direction } from '../faulty-port.js';
import { bytes, failure, hex, MAIN, padded, QUICK, type Scenario, textOf } from '../scenario.js';
import type { Role, Stage } from '../stage.js';

/** Of rdma-peer's first queue pair. */
const LINUX_QPN = 0x1000;
const QPN = 0x1234;
const REQ_DATA = textOf(IP_CM_SIDR_PRIVATE_DATA_MAX);
const REP_DATA = textOf(136);
const UNSUPPORTED = 1;
const REJECTED = 2;

/** Datagram services (SIDR). */
export const RESOLVING: readonly Scenario[] = [
  {
    name: 'datagram service: resolved, with full private data both ways',
    linux: 'client',
    inSubset: true,
    ...MAIN,
    async run(stage) {
      const listener = await serve(stage);
      const linux = stage.linuxConnects(`--udp --data '${REQ_DATA}'`);
      const request = await nextLookup(listener);
      equal(hex(request.privateData), padded(REQ_DATA, IP_CM_SIDR_PRIVATE_DATA_MAX));
      equal(request.remote.address, stage.linuxAddress);
      request.accept({ qpn: QPN, privateData: bytes(REP_DATA) });
      equal((await linux.event('ESTABLISHED')).data, padded(REP_DATA, 136));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'datagram service: resolved, with full private data both ways',
    linux: 'server',
    inSubset: true,
    ...MAIN,
    async run(stage) {
      const linux = await stage.linuxListens(`--udp --data '${REP_DATA}'`);
      const { qpn, qKey, privateData } = await lookup(stage, { privateData: bytes(REQ_DATA) });
      equal(qpn, LINUX_QPN);
      equal(qKey, RDMA_UDP_Q_KEY);
      equal(hex(privateData), padded(REP_DATA, 136));
      equal((await linux.event('CONNECT_REQUEST')).data, padded(REQ_DATA, IP_CM_SIDR_PRIVATE_DATA_MAX));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'datagram service: nobody listens',
    linux: 'client',
    inSubset: true,
    async run(stage) {
      const linux = stage.linuxConnects('--udp');
      equal((await linux.event('UNREACHABLE')).status, UNSUPPORTED);
    },
  },
  {
    name: 'datagram service: nobody listens',
    linux: 'server',
    inSubset: true,
    async run(stage) {
      const error = await failure(lookup(stage));
      ok(error instanceof LookupRejectedError, String(error));
      equal(error.details.status, UNSUPPORTED);
      match(error.message, /serviceIdUnsupported/);
    },
  },
  {
    name: 'datagram service: the consumer rejects',
    linux: 'client',
    inSubset: true,
    async run(stage) {
      const listener = await serve(stage);
      const linux = stage.linuxConnects('--udp');
      (await nextLookup(listener)).reject({ privateData: bytes('no') });
      equal((await linux.event('UNREACHABLE')).status, REJECTED);
    },
  },
  {
    name: 'datagram service: the consumer rejects',
    linux: 'server',
    inSubset: true,
    async run(stage) {
      const linux = await stage.linuxListens('--udp --reject no');
      const error = await failure(lookup(stage));
      ok(error instanceof LookupRejectedError, String(error));
      equal(error.details.status, REJECTED);
      equal(hex(error.details.privateData), padded('no', 136));
      equal((await linux.finished).status, 0);
    },
  },
  {
    name: 'datagram service: our backlog is full',
    linux: 'client',
    async run(stage) {
      const listener = await serve(stage, { backlog: 1 });
      const linux = stage.linuxConnects('--udp --count 2');
      equal((await linux.event('UNREACHABLE')).status, REJECTED);
      (await nextLookup(listener)).accept({ qpn: QPN });
      await linux.event('ESTABLISHED');
      equal((await linux.finished).status, 0);
    },
  },
  disturbed('client', 'SIDR_REQ', 'is lost once'),
  disturbed('client', 'SIDR_REP', 'is lost once'),
  disturbed('server', 'SIDR_REQ', 'is lost once'),
  disturbed('server', 'SIDR_REP', 'is lost once'),
  disturbed('client', 'SIDR_REQ', 'comes twice'),
  disturbed('client', 'SIDR_REP', 'comes twice'),
  disturbed('server', 'SIDR_REQ', 'comes twice'),
  disturbed('server', 'SIDR_REP', 'comes twice'),
];

function serve(stage: Stage, options: { readonly backlog?: number } = {}): Promise<DatagramListener> {
  return stage.us.adapter.listenDatagram({ port: stage.port, ...options });
}

async function nextLookup(listener: DatagramListener): Promise<LookupRequest> {
  for await (const request of listener) return request;
  throw new Error('the listener was closed');
}

/** Asks Linux. */
function lookup(
  stage: Stage,
  options: Partial<Parameters<Stage['us']['adapter']['lookup']>[0]> = {},
): ReturnType<Stage['us']['adapter']['lookup']> {
  return stage.us.adapter.lookup({ host: stage.linuxAddress, port: stage.port, ...QUICK, ...options });
}

/** A look-up with one message disturbed: it must come to its end all the same. */
function disturbed(linux: Role, message: MessageName, what: 'is lost once' | 'comes twice'): Scenario {
  const direction: Direction = (linux === 'client') === (message === 'SIDR_REQ') ? 'in' : 'out';
  return {
    name: `${direction === 'in' ? "Linux'" : 'our'} ${message} ${what}`,
    linux,
    // Linux repeats its own late.
    ...(what === 'is lost once' && { inSubset: true, patient: linux === 'client' }),
    async run(stage) {
      if (what === 'comes twice') stage.us.port.duplicate(direction, message);
      else stage.us.port.lose(direction, message, 1);
      if (linux === 'client') {
        const listener = await serve(stage);
        const answering = (async () => {
          for await (const request of listener) request.accept({ qpn: QPN });
        })();
        const program = stage.linuxConnects('--udp');
        await program.event('ESTABLISHED');
        equal((await program.finished).status, 0);
        listener.close();
        await answering;
      } else {
        // Our repetition, or the copy, may be a request of its own there.
        await stage.linuxListens('--udp --count 2');
        equal((await lookup(stage)).qKey, RDMA_UDP_Q_KEY);
      }
    },
  };
}
