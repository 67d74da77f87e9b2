import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Duration, type Instant, NEVER, parseGid } from '../../src/base/index.js';
import type { ChannelAdapter, OutgoingDatagram } from '../../src/ca/index.js';
import { monotonicNow, PortDriver, type RocePort, type SentDatagram } from '../../src/io/index.js';

// The machine's monotonic clock cannot be faked; the calendar's can.
vi.mock('../../src/io/clock.js', () => ({ monotonicNow: () => Date.now() * 1_000 }));

const GID = parseGid('127.0.0.1');

/** An adapter that wants what the test says. */
class FakeAdapter {
  due: Instant = NEVER;
  readonly outgoing: Partial<OutgoingDatagram>[] = [];
  readonly calls: string[] = [];

  handleDatagram(): void {
    this.calls.push('datagram');
  }

  /** Coming too early is harmless, and changes nothing. */
  handleTimeout(now: Instant): void {
    if (now < this.due) return;
    this.calls.push('timeout');
    this.due = NEVER;
  }

  nextTimeout(): Instant {
    return this.due;
  }

  pollTransmit(): Partial<OutgoingDatagram> | undefined {
    const datagram = this.outgoing.shift();
    const path = { port: 1, localGid: GID, remoteGid: GID, trafficClass: 0, sourcePort: 0 };
    return datagram && { path, ...datagram };
  }
}

function driverOf(
  send: (datagram: SentDatagram) => void = () => undefined,
  flush: () => void = () => undefined,
): { driver: PortDriver; adapter: FakeAdapter; port: RocePort } {
  const adapter = new FakeAdapter();
  const port: RocePort = {
    gid: GID,
    onDatagram: () => undefined,
    send,
    flush,
    close: async () => undefined,
  };
  return { driver: new PortDriver(adapter as unknown as ChannelAdapter, port), adapter, port };
}

/** When what the event loop has begun is done, with all that follows from it. */
const nextRound = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
};

afterEach(() => {
  vi.useRealTimers();
});

describe('The driver', () => {
  it('sets no timer that the platform would take for none: what is far away is waited for in steps', () => {
    vi.useFakeTimers();
    const { driver, adapter } = driverOf();
    const month = 31 * 86_400_000;
    adapter.due = (monotonicNow() + month * 1_000) as Instant;
    driver.wake();
    vi.advanceTimersByTime(86_400_000);
    expect(adapter.calls).toEqual([]);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(month);
    expect(adapter.calls).toEqual(['timeout']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has one timer, for the next moment only, and none when nothing waits or when it is closed', async () => {
    vi.useFakeTimers();
    const { driver, adapter } = driverOf();
    for (const ms of [50, 20, 90]) {
      adapter.due = (monotonicNow() + ms * 1_000) as Instant;
      driver.wake();
      expect(vi.getTimerCount()).toBe(1);
    }
    vi.advanceTimersByTime(50);
    expect(adapter.calls).toEqual([]);
    vi.advanceTimersByTime(50);
    expect(adapter.calls).toEqual(['timeout']);
    adapter.due = (monotonicNow() - 5_000_000) as Instant;
    driver.wake();
    vi.advanceTimersByTime(1);
    expect(adapter.calls).toEqual(['timeout', 'timeout']);
    adapter.due = (monotonicNow() + 1_000) as Instant;
    driver.wake();
    await driver.close();
    expect(vi.getTimerCount()).toBe(0);
    driver.wake();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('calls back after a time, unless that is taken back', () => {
    vi.useFakeTimers();
    const { driver } = driverOf();
    const calls: string[] = [];
    driver.schedule(1_500 as Duration, () => calls.push('first'));
    const cancel = driver.schedule(1_500 as Duration, () => calls.push('second'));
    cancel();
    vi.advanceTimersByTime(1);
    expect(calls).toEqual([]);
    vi.advanceTimersByTime(1);
    cancel();
    expect(calls).toEqual(['first']);
  });

  it('takes nothing in any more once it is closed', async () => {
    const { driver, adapter, port } = driverOf();
    await driver.close();
    port.onDatagram({ bytes: new Uint8Array(1), at: 0, length: 1, remoteGid: GID, sourcePort: 1 });
    expect(adapter.calls).toEqual([]);
  });

  it('lets consumers have their turn again when sending brought something in', () => {
    let again = true;
    const { driver, adapter, port } = driverOf(() => {
      if (!again) return;
      again = false;
      port.onDatagram({ bytes: new Uint8Array(1), at: 0, length: 1, remoteGid: GID, sourcePort: 1 });
    });
    const turns: number[] = [];
    driver.onTurn(() => turns.push(adapter.calls.length));
    adapter.outgoing.push({ sourcePort: 1 }, { sourcePort: 2 });
    driver.wake();
    expect(turns).toEqual([0, 1]);
  });

  it('has one turn for all datagrams that are there, and sends what they lead to together', async () => {
    const did: string[] = [];
    const { driver, adapter, port } = driverOf(
      ({ sourcePort }) => did.push(`send ${sourcePort}`),
      () => void did.push('flush'),
    );
    driver.onTurn(() => did.push('poll'));
    const datagram = { bytes: new Uint8Array(1), at: 0, length: 1, remoteGid: GID, sourcePort: 1 };
    for (let i = 1; i <= 3; i += 1) {
      port.onDatagram(datagram);
      adapter.outgoing.push({ sourcePort: i });
    }
    expect([did, adapter.calls.length]).toEqual([[], 3]);
    await nextRound();
    expect(did).toEqual(['poll', 'poll', 'send 1', 'send 2', 'send 3', 'flush']);
    port.onDatagram(datagram);
    await nextRound();
    expect(did.slice(6)).toEqual(['poll', 'poll', 'flush']);
  });

  it('sends an answer of somebody who has waited for what came together with its acknowledgement', async () => {
    const did: string[] = [];
    const { driver, adapter, port } = driverOf(
      ({ sourcePort }) => did.push(`send ${sourcePort}`),
      () => void did.push('flush'),
    );
    let came: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => {
      came = resolve;
    });
    driver.onTurn(() => came());
    // As an endpoint's receive, which is waited for by somebody who is waited for.
    const answering = (async () => {
      await (async () => {
        await waiting;
      })();
      adapter.outgoing.push({ sourcePort: 2 });
    })();
    adapter.outgoing.push({ sourcePort: 1 });
    port.onDatagram({ bytes: new Uint8Array(1), at: 0, length: 1, remoteGid: GID, sourcePort: 1 });
    await nextRound();
    await answering;
    expect(did).toEqual(['send 1', 'send 2', 'flush']);
  });

  it('sends at once, and lets nobody poll, when it is told to', async () => {
    const did: string[] = [];
    const { driver, adapter, port } = driverOf(({ sourcePort }) => did.push(`send ${sourcePort}`));
    driver.onTurn(() => {
      did.push('poll');
      driver.flush();
    });
    adapter.outgoing.push({ sourcePort: 1 });
    driver.flush();
    expect(did).toEqual(['send 1']);
    port.onDatagram({ bytes: new Uint8Array(1), at: 0, length: 1, remoteGid: GID, sourcePort: 1 });
    adapter.outgoing.push({ sourcePort: 2 });
    driver.wake();
    expect(did).toEqual(['send 1', 'poll', 'send 2']);
    // The turn is over: none follows.
    await nextRound();
    expect(did).toEqual(['send 1', 'poll', 'send 2', 'poll']);
    await driver.close();
    adapter.outgoing.push({ sourcePort: 3 });
    driver.flush();
    expect(did.filter((each) => each.startsWith('send'))).toHaveLength(2);
  });

  it('gives each datagram its own place until the ports have let go of it, however many there are', () => {
    const places: number[] = [];
    const flushed: number[] = [];
    const { driver, adapter } = driverOf(
      ({ at, length }) => {
        expect(length).toBe(280);
        places.push(at);
      },
      () => void flushed.push(places.length),
    );
    for (let i = 0; i < 1_000; i += 1) adapter.outgoing.push({ sourcePort: 1, length: 280 });
    driver.wake();
    expect(places).toHaveLength(1_000);
    expect(flushed.at(-1)).toBe(1_000);
    let from = 0;
    for (const until of flushed) {
      expect(new Set(places.slice(from, until)).size).toBe(until - from);
      from = until;
    }
    expect(flushed.length).toBeLessThan(4);
  });

  it('sends the rest and keeps its timer when a consumer and the port throw', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const reported: unknown[] = [];
    process.on('uncaughtException', (error) => reported.push(error));
    let sent = 0;
    const { driver, adapter } = driverOf(() => {
      sent += 1;
      throw new Error(`port ${sent}`);
    });
    let turns = 0;
    driver.onTurn(() => {
      throw new Error('consumer');
    });
    driver.onTurn(() => {
      turns += 1;
    });
    adapter.outgoing.push({ sourcePort: 1 }, { sourcePort: 2 });
    adapter.due = (monotonicNow() + 10_000) as Instant;
    driver.wake();
    await new Promise((resolve) => setImmediate(resolve));
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect([sent, turns, vi.getTimerCount()]).toEqual([2, 1, 1]);
    expect(reported).toEqual(['consumer', 'port 1', 'port 2'].map((text) => new Error(text)));
  });
});
