import { describe, expect, it } from 'vitest';
import type { EndpointError } from '../../src/endpoint/index.js';
import type { MessageName } from '../../src/wire/index.js';
import { established, eventsOf, failure, fixture, PORT, requested, target } from './fixture.js';
import type { Fate, Packet } from './virtual-network.js';

const made = fixture();

/** Applies a fate to the first datagram of a kind. */
function once(message: MessageName, fate: Fate): (packet: Packet) => Fate {
  let done = false;
  return ({ mad }) => {
    if (done || mad.message !== message) return 'deliver';
    done = true;
    return fate;
  };
}
const always =
  (message: MessageName, fate: Fate) =>
  ({ mad }: Packet): Fate =>
    mad.message === message ? fate : 'deliver';

describe('When', () => {
  it.each([
    ['REQ', ['REQ', 'REQ', 'REP', 'RTU']],
    ['REP', ['REQ', 'REP', 'REQ', 'REP', 'RTU']],
    ['RTU', ['REQ', 'REP', 'RTU', 'REP', 'RTU']],
  ] as [MessageName, MessageName[]][])(
    'the first %s is lost, the connection is made after a second',
    async (message, all) => {
      made.net.fate = once(message, 'lose');
      const { ours, theirs } = await established(made);
      expect(made.net.messages().toSorted()).toEqual(all.toSorted());
      // The wheel rounds each wait up to 256 µs.
      expect(made.net.ms).toBeGreaterThanOrEqual(1_000);
      expect(made.net.ms).toBeLessThan(1_001);
      expect([ours.closeCause, theirs.closeCause]).toEqual([undefined, undefined]);
    },
  );

  it.each(['DREQ', 'DREP'] as const)('the first %s is lost, the connection ends after a second', async (message) => {
    const { ours, theirs } = await established(made);
    made.net.fate = once(message, 'lose');
    const start = made.net.ms;
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    expect(theirs.closeCause).toBe('peer');
    expect(made.net.ms - start).toBeGreaterThanOrEqual(1_000);
    expect(made.net.ms - start).toBeLessThan(1_001);
  });

  it('every datagram comes twice, nothing happens twice', async () => {
    made.net.fate = () => 'duplicate';
    const { ours, theirs } = await established(made);
    const seen = [eventsOf(ours), eventsOf(theirs)];
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    await made.net.elapse(5_000);
    expect(seen).toEqual([
      ['close: disconnected', 'timewaitexit'],
      ['close: peer', 'timewaitexit'],
    ]);
  });

  it('no REQ arrives, connecting fails after 10 seconds and says who was asked, how often and how long', async () => {
    made.net.fate = always('REQ', 'lose');
    const error = await made.net.error<EndpointError>(made.client.endpoint.connect(target()));
    expect(error.code).toBe('TIMEOUT');
    expect(error.message).toBe(
      '10.0.0.2:7471 did not answer: asked 10 times in 10 s. Is it up, and does something serve RoCEv2 (UDP port 4791) there?',
    );
    expect(error.details).toMatchObject({ peer: '10.0.0.2:7471', transmissions: 10, timeoutMs: 10_000 });
    expect(made.net.ms).toBeGreaterThanOrEqual(10_000);
    expect(made.net.ms).toBeLessThan(10_001);
    // Should the peer have heard something after all, it is told to forget it.
    expect(made.net.messages()).toEqual([...Array<string>(10).fill('REQ'), 'REJ']);
  });

  it.each([
    [{ timeoutMs: 250 }, 1, 'asked once in 250 ms', 250],
    [{ timeoutMs: 60_000, responseTimeoutMs: 500, retries: 2 }, 3, 'asked 3 times in 1.5 s', 1_500],
    [{ timeoutMs: 60_000, retries: 0 }, 1, 'asked once in 1 s', 1_000],
    [{ timeoutMs: 1, retries: 0 }, 1, 'asked once in 1 ms', 1],
    [{ timeoutMs: 60_000 }, 16, 'asked 16 times in 16 s', 16_000],
  ])('nobody answers and the options are %j, it was asked %i times', async (options, transmissions, text, ms) => {
    const error = await made.net.error<EndpointError>(
      made.client.endpoint.connect(target({ host: '10.9.9.9', ...options })),
    );
    expect(error.details).toMatchObject({ transmissions });
    expect(error.message).toContain(`10.9.9.9:7471 did not answer: ${text}.`);
    expect(made.net.ms).toBeGreaterThanOrEqual(ms);
    expect(made.net.ms).toBeLessThan(ms + 1 + transmissions * 0.256);
  });

  it('no REP arrives, both sides say so, and each in its time', async () => {
    made.net.fate = always('REP', 'lose');
    const { request, connecting } = await requested(made);
    const accepting = failure(request.accept({ timeoutMs: 4_000 }));
    expect(await made.net.error(connecting)).toMatchObject({ code: 'REJECTED', details: { reasonName: 'timeout' } });
    expect(await made.net.value(accepting)).toMatchObject({ code: 'TIMEOUT', details: { transmissions: 4 } });
  });

  it('no RTU arrives, the acceptor fails, and the connection that the other side has is taken back', async () => {
    made.net.fate = always('RTU', 'lose');
    const { request, connecting } = await requested(made);
    const accepting = failure(request.accept({ timeoutMs: 4_000 }));
    const ours = await made.net.value(connecting);
    const seen = eventsOf(ours);
    expect(await made.net.value(accepting)).toMatchObject({ code: 'TIMEOUT' });
    expect(seen).toEqual(['close: rejected']);
    expect(await made.net.value(ours.disconnect())).toBe('rejected');
  });

  it('a REJ is lost, the REQ that comes again is rejected as well', async () => {
    made.net.fate = once('REJ', 'lose');
    expect(await made.net.error(made.client.endpoint.connect(target()))).toMatchObject({ code: 'REJECTED' });
    expect(made.net.messages()).toEqual(['REQ', 'REJ', 'REQ', 'REJ']);
  });

  it('no DREQ arrives, disconnecting ends in its time, unacknowledged', async () => {
    const { ours, theirs } = await established(made);
    made.net.fate = always('DREQ', 'lose');
    const start = made.net.ms;
    expect(await made.net.value(ours.disconnect({ timeoutMs: 3_000 }))).toBe('unacknowledged');
    expect(made.net.ms - start).toBeLessThan(3_001);
    expect(theirs.closeCause).toBeUndefined();
  });

  it('everything is lost, nothing waits longer than it was told to', async () => {
    const { ours, theirs } = await established(made);
    made.net.fate = () => 'lose';
    const start = made.net.ms;
    const ends = Promise.all([ours.disconnect(), theirs.disconnect({ timeoutMs: 5_000 })]);
    expect(await made.net.value(ends)).toEqual(['unacknowledged', 'unacknowledged']);
    expect(made.net.ms - start).toBeLessThan(10_001);
  });
});

describe('When the peer dies', () => {
  it('before it is asked, connecting fails in its time', async () => {
    made.server.kill();
    expect(await made.net.error(made.client.endpoint.connect(target()))).toMatchObject({ code: 'TIMEOUT' });
    expect(made.net.ms).toBeLessThan(10_001);
  });

  it('while it considers, connecting fails in its time', async () => {
    const { connecting } = await requested(made);
    made.server.kill();
    expect(await made.net.error(connecting)).toMatchObject({ code: 'TIMEOUT' });
  });

  it('after its REP, the connection stands until it is used, and ends unacknowledged', async () => {
    made.net.fate = ({ mad }) => {
      if (mad.message === 'RTU') made.server.kill();
      return 'deliver';
    };
    const { request, connecting } = await requested(made);
    void request.accept();
    const ours = await made.net.value(connecting);
    expect(await made.net.value(ours.disconnect())).toBe('unacknowledged');
  });

  it('while it is connected, disconnecting ends in its time', async () => {
    const { ours } = await established(made);
    made.server.kill();
    const start = made.net.ms;
    expect(await made.net.value(ours.disconnect())).toBe('unacknowledged');
    expect(made.net.ms - start).toBeLessThan(10_001);
  });

  it('and comes back with the same queue pair, the old connection ends as stale and the next attempt succeeds', async () => {
    const { listener, theirs } = await established(made, { qpn: 0x700 });
    const seen = eventsOf(theirs);
    made.client.kill();
    const client = made.net.host('10.0.0.1', { seed: 99, caGuid: 0x1111n });
    const first = await made.net.error(client.endpoint.connect(target({ qpn: 0x700 })));
    expect(first).toMatchObject({ code: 'REJECTED', details: { by: 'cm', reasonName: 'staleConnection' } });
    expect(first.message).toContain('so try again');
    await made.net.elapse(2_000);
    expect(seen[0]).toBe('close: stale');
    const connecting = client.endpoint.connect(target({ qpn: 0x701 }));
    const { value: request } = await made.net.value(listener[Symbol.asyncIterator]().next());
    void request?.accept();
    await made.net.value(connecting);
  });

  it('and the connection is ending as stale, disconnecting waits for that end, but not longer than it was told to', async () => {
    const { theirs } = await established(made, { qpn: 0x700 });
    made.client.kill();
    const client = made.net.host('10.0.0.1', { seed: 99, caGuid: 0x1111n });
    made.net.fate = always('DREQ', 'lose');
    await made.net.error(client.endpoint.connect(target({ qpn: 0x700 })));
    const start = made.net.ms;
    expect(await made.net.value(theirs.disconnect({ timeoutMs: 700 }))).toBe('unacknowledged');
    expect(made.net.ms - start).toBe(700);
  });

  it('and the connection is ending as stale, disconnecting says that it was stale', async () => {
    const { theirs } = await established(made, { qpn: 0x700 });
    made.client.kill();
    const client = made.net.host('10.0.0.1', { seed: 99, caGuid: 0x1111n });
    made.net.fate = once('DREQ', 'lose');
    await made.net.error(client.endpoint.connect(target({ qpn: 0x700 })));
    expect(await made.net.value(theirs.disconnect())).toBe('stale');
  });
});

describe('An adapter', () => {
  it('keeps its CA GUID and changes its comm IDs when it is started again', async () => {
    const ids = async (seed: number): Promise<[bigint, number]> => {
      const host = made.net.host('10.0.0.7', { seed, caGuid: 0x7777n });
      await made.net.error(host.endpoint.connect({ host: '10.0.0.2', port: PORT }));
      const { mad } = made.net.sent.findLast((packet) => packet.mad.message === 'REQ') as Packet;
      if (mad.message !== 'REQ') throw new Error('a REQ expected');
      await host.endpoint.close();
      return [mad.fields.localCaGuid, mad.fields.localCommId];
    };
    const [first, second] = [await ids(1), await ids(2)];
    expect(first[0]).toBe(0x7777n);
    expect(second[0]).toBe(0x7777n);
    expect(first[1]).not.toBe(second[1]);
  });
});
