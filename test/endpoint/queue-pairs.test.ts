import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import { QueuePair } from '../../src/verbs/queue-pair.js';
import { established, eventsOf, failure, fixture, nextRequest, PORT, requested, target } from './fixture.js';
import type { VirtualHost } from './virtual-network.js';

/** The queue pairs that connections lead: when they change, what they know, and that they go. */

const LIMITS = { maxQueuePairs: 4, qpnCount: 8 };
const made = fixture({ client: { limits: LIMITS }, server: { limits: LIMITS } });
const counts = (): number[] => [made.client, made.server].map(({ endpoint }) => endpoint.usage.queuePairs);

afterEach(() => vi.restoreAllMocks());

/** Everything that is sent, and every state that a queue pair enters, from now on. */
function timeline(): string[] {
  const lines: string[] = [];
  const sides = new Map<number, string>();
  const modify = QueuePair.prototype.modify;
  vi.spyOn(QueuePair.prototype, 'modify').mockImplementation(function (this: QueuePair, attributes) {
    const before = this.state;
    modify.call(this, attributes);
    const side = sides.get(this.qpn) ?? (sides.size === 0 ? 'client' : 'server');
    sides.set(this.qpn, side);
    if (this.state !== before) lines.push(`${side}: ${this.state}`);
  });
  made.net.fate = ({ mad }) => {
    lines.push(mad.message);
    return 'deliver';
  };
  return lines;
}

describe('The queue pair of a connection', () => {
  it('is ready to receive before the peer hears that it is, ready to send before the RTU, and in error before the DREQ', async () => {
    const lines = timeline();
    const { ours } = await established(made);
    expect(lines.splice(0)).toEqual([
      'client: INIT',
      'REQ',
      'server: INIT',
      'server: RTR',
      'REP',
      'client: RTR',
      'client: RTS',
      'RTU',
      'server: RTS',
    ]);
    await made.net.value(ours.disconnect());
    await made.net.elapse(5_000);
    expect(lines).toEqual(['client: ERR', 'DREQ', 'server: ERR', 'DREP', 'server: RESET', 'client: RESET']);
  });

  it('can be read: its number, its state, and what the messages agreed on', async () => {
    const { ours, theirs } = await established(
      made,
      { startingPsn: 5, mtu: 2048, responderResources: 3, initiatorDepth: 4, ackTimeout: 18, trafficClass: 0x68 },
      { startingPsn: 7, rnrRetryCount: 2 },
    );
    expect([ours.queuePair?.qpn, theirs.queuePair?.qpn]).toEqual([ours.local.qpn, theirs.local.qpn]);
    expect([ours.queuePair?.state, theirs.queuePair?.state]).toEqual(['RTS', 'RTS']);
    expect(ours.queuePair?.query()).toMatchObject({
      state: 'RTS',
      pKey: 0xffff,
      port: 1,
      path: { localGid: parseGid('10.0.0.1'), remoteGid: parseGid('10.0.0.2'), trafficClass: 0x68 },
      mtu: 4,
      destinationQpn: theirs.local.qpn,
      sendPsn: 7,
      receivePsn: 5,
      responderResources: 3,
      initiatorDepth: 4,
      retryCount: 7,
      rnrRetryCount: 2,
    });
    expect(theirs.queuePair?.query()).toMatchObject({
      destinationQpn: ours.local.qpn,
      sendPsn: 5,
      receivePsn: 7,
      mtu: 4,
      responderResources: 4,
      initiatorDepth: 3,
      ackTimeout: 18,
      path: { localGid: parseGid('10.0.0.2'), remoteGid: parseGid('10.0.0.1'), trafficClass: 0x68 },
    });
  });

  it('is there until timewait is over, in error, and gone with it', async () => {
    const { ours, theirs } = await established(made);
    const seen = eventsOf(ours);
    await made.net.value(ours.disconnect());
    expect([ours.queuePair?.state, theirs.queuePair?.state]).toEqual(['ERR', 'ERR']);
    expect(ours.query()).toMatchObject({ state: 'TIMEWAIT', queuePairState: 'ERR', closeCause: 'disconnected' });
    expect(counts()).toEqual([1, 1]);
    await made.net.elapse(5_000);
    expect(seen).toEqual(['close: disconnected', 'timewaitexit']);
    expect(counts()).toEqual([0, 0]);
    expect(ours.queuePair?.state).toBe('ERR');
    expect(ours.query()).toMatchObject({ state: undefined, attributes: { destinationQpn: theirs.local.qpn } });
  });

  it('R12: goes at once when the connection is closed, whatever the peer does', async () => {
    const { ours } = await established(made);
    made.server.kill();
    ours.close();
    expect([ours.queuePair?.state, made.client.endpoint.usage.queuePairs]).toEqual(['ERR', 0]);
  });

  it('goes when nobody answers, when the peer refuses and when the request is withdrawn', async () => {
    const silence = made.client.endpoint.connect(target({ host: '10.9.9.9', timeoutMs: 50 }));
    expect(made.client.endpoint.usage.queuePairs).toBe(0);
    await made.net.settle();
    expect(made.client.endpoint.usage.queuePairs).toBe(1);
    await made.net.error(silence);
    await made.net.error(made.client.endpoint.connect(target()));
    const abort = new AbortController();
    const { request } = await requested(made, { signal: abort.signal });
    const accepting = failure(request.accept());
    expect(counts()).toEqual([1, 1]);
    abort.abort();
    await made.net.value(accepting);
    expect(counts()).toEqual([0, 0]);
  });

  it('goes when the acceptor gets no RTU', async () => {
    const { request } = await requested(made);
    made.client.kill();
    await made.net.error(request.accept({ timeoutMs: 1_500 }));
    expect(made.server.endpoint.usage.queuePairs).toBe(0);
  });

  it('R3: has no number that the connection manager still has in timewait', async () => {
    const numbers = new Set<number>();
    for (let i = 0; i < LIMITS.qpnCount; i += 1) {
      const { ours, theirs, listener } = await established(made);
      numbers.add(ours.local.qpn);
      // It is gone at once, and its number is free for the table; the connection manager has it for a while.
      ours.close();
      await made.net.settle();
      theirs.close();
      listener.close();
    }
    expect(numbers.size).toBe(LIMITS.qpnCount);
    const refused = await made.net.error(made.client.endpoint.connect(target()));
    expect(refused).toMatchObject({ name: 'CepError', code: 'QPN_IN_USE' });
    expect(counts()).toEqual([0, 0]);
    await made.net.elapse(60_000);
    const { ours } = await established(made);
    expect(numbers).toContain(ours.local.qpn);
  });

  it('R3: has another number than the one elsewhere that is in use', async () => {
    const numbers = async (): Promise<number> => {
      const { ours, theirs, listener } = await established(made);
      const { qpn } = ours.local;
      await made.net.value(ours.disconnect());
      await made.net.elapse(60_000);
      listener.close();
      theirs.close();
      return qpn;
    };
    // All numbers of the table, in their order.
    const table: number[] = [];
    for (let i = 0; i < LIMITS.qpnCount; i += 1) table.push(await numbers());
    const [next, afterNext] = table as [number, number];
    const foreign = await established(made, { qpn: next });
    expect(foreign.ours.queuePair).toBeUndefined();
    const connecting = made.client.endpoint.connect(target());
    void (await nextRequest(made.net, foreign.listener)).accept();
    expect((await made.net.value(connecting)).local.qpn).toBe(afterNext);
  });
});

describe('A connection that is given the number of a queue pair elsewhere', () => {
  it('has no queue pair here, and tells what the one elsewhere is to be led to', async () => {
    const { ours, theirs } = await established(made, { qpn: 0x1234, startingPsn: 5 }, { startingPsn: 7 });
    expect([ours.queuePair, theirs.queuePair?.state]).toEqual([undefined, 'RTS']);
    expect(counts()).toEqual([0, 1]);
    expect(ours.query()).toMatchObject({
      role: 'active',
      state: 'ESTABLISHED',
      queuePairState: 'RTS',
      local: { qpn: 0x1234 },
      attributes: { destinationQpn: theirs.local.qpn, sendPsn: 7, receivePsn: 5, mtu: 3, port: 1, pKey: 0xffff },
    });
    expect(theirs.query().attributes).toMatchObject({ destinationQpn: 0x1234 });
    await made.net.value(ours.disconnect());
    expect(ours.query().queuePairState).toBe('ERR');
  });

  it('is accepted likewise', async () => {
    const { ours, theirs } = await established(made, {}, { qpn: 0x5678 });
    expect([ours.remote.qpn, theirs.queuePair, counts()]).toEqual([0x5678, undefined, [1, 0]]);
    expect(theirs.query().attributes).toMatchObject({ destinationQpn: ours.local.qpn });
  });
});

describe('What a queue pair cannot do', () => {
  /** No queue pair has it: all of a multicast group are meant. */
  const qpn = 0xff_ffff;

  it('as the answer asks it, fails the connect, and the peer hears why', async () => {
    const { request, connecting } = await requested(made);
    const accepting = failure(request.accept({ qpn }));
    expect(await made.net.error(connecting)).toMatchObject({ name: 'VerbsError', code: 'INVALID_ATTRIBUTE' });
    expect(await made.net.value(accepting)).toMatchObject({ details: { reasonName: 'unsupportedRequest' } });
    expect(counts()).toEqual([0, 0]);
  });

  it('as the request asks it, fails the accept, and ends the request: the peer hears why', async () => {
    const { request, connecting } = await requested(made, { qpn });
    const refusal = { name: 'VerbsError', code: 'INVALID_ATTRIBUTE' };
    expect(await made.net.error(request.accept())).toMatchObject(refusal);
    expect(request.isPending).toBe(false);
    expect(() => request.reject()).toThrow(expect.objectContaining(refusal));
    expect(await made.net.error(connecting)).toMatchObject({ details: { reasonName: 'unsupportedRequest' } });
  });

  it('as the options ask it, fails the connect, and nothing is sent', async () => {
    const refused = await made.net.error(made.client.endpoint.connect(target({ pKey: 0x8000 })));
    expect(refused).toMatchObject({ name: 'VerbsError', code: 'INVALID_ATTRIBUTE' });
    expect([made.net.sent, counts()]).toEqual([[], [0, 0]]);
  });
});

describe('When there are as many queue pairs as there may be', () => {
  const full = { name: 'VerbsError', code: 'LIMIT_REACHED' };
  /** Attempts that nobody answers. */
  const fill = async (host: VirtualHost): Promise<AbortController> => {
    const abort = new AbortController();
    const { signal } = abort;
    for (let i = 0; i < LIMITS.maxQueuePairs; i += 1) {
      host.endpoint.connect({ host: '10.9.9.9', port: PORT, signal }).catch(() => undefined);
    }
    await made.net.settle();
    return abort;
  };

  it('connecting fails, and works again when one has gone; with a number of the caller’s it works always', async () => {
    const abort = await fill(made.client);
    expect(await made.net.error(made.client.endpoint.connect(target()))).toMatchObject(full);
    const { ours, listener } = await established(made, { qpn: 0x77 });
    expect(ours.queuePair).toBeUndefined();
    listener.close();
    abort.abort();
    expect((await established(made)).ours.queuePair?.state).toBe('RTS');
  });

  it('accepting fails, and the request can be accepted when one has gone', async () => {
    const { request, connecting } = await requested(made);
    const abort = await fill(made.server);
    expect(await made.net.error(request.accept())).toMatchObject(full);
    expect(request.isPending).toBe(true);
    abort.abort();
    const accepting = request.accept();
    expect((await made.net.value(connecting)).queuePair?.state).toBe('RTS');
    await made.net.value(accepting);
  });
});
