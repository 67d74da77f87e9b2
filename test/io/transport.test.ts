import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { type CaGuid, parseGid, ReferenceLedger, SeededRandom } from '../../src/base/index.js';
import { ChannelAdapter } from '../../src/ca/index.js';
import { PortDriver, UdpPort } from '../../src/io/index.js';
import { MEMORY_ACCESS, TransportLayer, type WorkRequest } from '../../src/transport/index.js';
import { ACCESS, QueuePairTable } from '../../src/verbs/index.js';
import { cleanUp, freshAddress, notLinux } from './loopback.js';

const ALL_ACCESS = MEMORY_ACCESS.localWrite | ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;
const BYTES = 2 ** 20;

/** A queue pair behind a real socket. */
async function openSide(seed: number, later: (end: () => unknown) => void) {
  const gid = parseGid(freshAddress());
  const random = new SeededRandom(seed);
  const layer = new TransportLayer({ random });
  const adapter = new ChannelAdapter({ caGuid: BigInt(seed) as CaGuid, random, ports: [{ gid }], transport: layer });
  const driver = new PortDriver(adapter, await UdpPort.open({ gid, onWarning: () => undefined }));
  later(() => driver.close());
  const queuePair = new QueuePairTable({ random, ledger: new ReferenceLedger() }).create({ transport: 'rc' });
  const domain = layer.allocateProtectionDomain();
  const completions = layer.createCompletionQueue(64);
  const queues = layer.attach(queuePair, { domain, sendCompletions: completions });
  const turns = new EventEmitter();
  driver.onTurn(() => turns.emit('turn'));
  const post = (request: WorkRequest): void => {
    queues.postSend(request, driver.now());
    driver.wake();
  };
  /** Waits for as many completions. */
  const done = async (count: number): Promise<string[]> => {
    const outcomes: string[] = [];
    for (;;) {
      for (let completion = completions.poll(); completion; completion = completions.poll()) {
        outcomes.push(`${completion.opcode} ${completion.status}`);
      }
      if (outcomes.length >= count) return outcomes;
      await once(turns, 'turn');
    }
  };
  return { gid, driver, layer, queuePair, queues, domain, post, done };
}

test.skipIf(notLinux)(
  'a queue pair sends, writes and reads megabytes over real UDP, through sockets on one machine',
  async () => {
    const { later } = ends;
    const [a, b] = [await openSide(1, later), await openSide(2, later)];
    for (const [own, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const path = { port: 1, localGid: own.gid, remoteGid: peer.gid, trafficClass: 0, sourcePort: 0 };
      own.queuePair.modify({ state: 'INIT', pKey: 0xffff, port: 1, accessFlags: ALL_ACCESS & ~1 });
      const receiving = { destinationQpn: peer.queuePair.qpn, receivePsn: 9, responderResources: 4, minRnrTimer: 12 };
      own.queuePair.modify({ state: 'RTR', path, mtu: 3, ...receiving });
      const patience = { ackTimeout: 16, retryCount: 7, rnrRetryCount: 7 };
      own.queuePair.modify({ state: 'RTS', sendPsn: 9, initiatorDepth: 4, ...patience });
    }
    const regionOf = ({ domain }: typeof a) => domain.register(new Uint8Array(BYTES), { access: ALL_ACCESS });
    const [from, to, back, into] = [regionOf(a), regionOf(b), regionOf(a), regionOf(b)];
    for (let i = 0; i < BYTES; i += 1) from.bytes[i] = (i * 7) ^ (i >> 8);
    b.queues.postReceive({ elements: [into.element()] });
    const where = { remoteAddress: to.address, rkey: to.rkey };
    a.post({ opcode: 'rdmaWrite', elements: [from.element()], ...where });
    a.post({ opcode: 'rdmaRead', elements: [back.element()], ...where });
    a.post({ opcode: 'send', elements: [back.element()], fence: true });
    expect(await a.done(3)).toEqual(['rdmaWrite success', 'rdmaRead success', 'send success']);
    expect(await b.done(1)).toEqual(['receive success']);
    for (const region of [to, back, into]) expect(Buffer.compare(region.bytes, from.bytes)).toBe(0);
  },
);

const ends = cleanUp();
