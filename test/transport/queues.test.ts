import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/index.js';
import { MEMORY_ACCESS, TransportError, TransportLayer } from '../../src/transport/index.js';
import { ACCESS } from '../../src/verbs/index.js';
import {
  attributesToward,
  completionsOf,
  connect,
  connectedPair,
  Fabric,
  outcomesOf,
  patterned,
  type Side,
} from './fabric.js';

function errorOf(call: () => unknown): TransportError {
  try {
    call();
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
  throw new Error('a TransportError expected');
}
const codeOf = (call: () => unknown): string => errorOf(call).code;

describe('Memory regions', () => {
  const layer = (limits = {}) => new TransportLayer({ random: new SeededRandom(1), limits });

  it('have keys that say nothing, and another one at each registration', () => {
    const domain = layer().allocateProtectionDomain();
    const keys = new Set<number>();
    const memory = new Uint8Array(8);
    let last = 0;
    for (let i = 0; i < 2_000; i += 1) {
      const region = domain.register(memory);
      expect([region.lkey === last, region.rkey]).toEqual([false, region.lkey]);
      last = region.rkey;
      keys.add(region.rkey);
      region.deregister();
    }
    // They differ in the upper half; few come again.
    expect(keys.size).toBeGreaterThan(1_900);
    const others = layer().allocateProtectionDomain();
    const again = new TransportLayer({ random: new SeededRandom(2) }).allocateProtectionDomain();
    expect(others.register(memory).rkey).not.toBe(again.register(memory).rkey);
  });

  it('have addresses that do not overlap, or the one that is asked for', () => {
    const domain = layer().allocateProtectionDomain();
    const regions = [1, 4_096, 10_000, 0].map((length) => domain.register(new Uint8Array(length)));
    regions.reduce((before, region) => {
      expect(region.address).toBeGreaterThan(before.address + before.bytes.length);
      return region;
    });
    expect(domain.register(new ArrayBuffer(8), { address: 2 ** 47 }).address).toBe(2 ** 47);
  });

  it('refuse what cannot be meant', () => {
    const domain = layer({ maxMemoryRegions: 1 }).allocateProtectionDomain();
    const memory = new Uint8Array(16);
    expect(codeOf(() => domain.register(memory, { access: ACCESS.remoteWrite }))).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => domain.register(memory, { access: 16 }))).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => domain.register(memory, { address: -1 }))).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => domain.register(memory, { address: Number.MAX_SAFE_INTEGER }))).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => domain.register('text' as never))).toBe('INVALID_ARGUMENT');
    const region = domain.register(memory);
    expect(codeOf(() => domain.register(memory))).toBe('LIMIT_REACHED');
    expect(codeOf(() => region.element(0, 17))).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => region.element(-1))).toBe('INVALID_ARGUMENT');
    expect(region.element(4)).toEqual({ lkey: region.lkey, address: region.address + 4, length: 12 });
    expect(codeOf(() => domain.deallocate())).toBe('IN_USE');
    region.deregister();
    expect(codeOf(() => region.deregister())).toBe('DESTROYED');
    domain.deallocate();
    expect(codeOf(() => domain.register(memory))).toBe('DESTROYED');
    expect(domain.users).toBe(0);
  });

  it('are parts of larger memory, and nothing around them is touched', () => {
    const { fabric, a, b } = connectedPair();
    const memory = new Uint8Array(100);
    const region = b.side.domain.register(memory.subarray(40, 60), {
      access: MEMORY_ACCESS.localWrite | ACCESS.remoteWrite,
    });
    const where = { remoteAddress: region.address, rkey: region.rkey };
    a.queues.postSend({ opcode: 'rdmaWrite', inline: new Uint8Array(20).fill(9), ...where }, fabric.now);
    fabric.run();
    expect(memory).toEqual(Uint8Array.from({ length: 100 }, (_, i) => (i >= 40 && i < 60 ? 9 : 0)));
  });
});

describe('Scatter and gather', () => {
  it('takes a message from many elements and puts it into others, empty ones too', () => {
    const { fabric, a, b } = connectedPair({ attach: { maxElements: 8 } });
    const [from, to] = [a.side.register(1_000), b.side.register(1_000)];
    from.bytes.set(patterned(1_000));
    const cuts = (region: typeof from, at: readonly number[]) =>
      at.slice(1).map((end, i) => region.element(at[i], end - (at[i] as number)));
    b.queues.postReceive({ elements: cuts(to, [0, 1, 1, 255, 600, 601, 1_000]) });
    a.queues.postSend({ opcode: 'send', elements: cuts(from, [0, 300, 300, 301, 513, 1_000]) }, fabric.now);
    fabric.run();
    expect(completionsOf(b)).toMatchObject([{ byteLength: 1_000 }]);
    expect(to.bytes).toEqual(from.bytes);
  });

  it('has nothing left of a request before, whether that had more elements or fewer', () => {
    const { fabric, a, b } = connectedPair({ attach: { maxElements: 8, maxSend: 1, maxReceive: 1 } });
    const [from, to] = [a.side.register(64), b.side.register(64)];
    from.bytes.set(patterned(64));
    for (const lengths of [[10], [3, 0, 7, 20], [], [1, 1, 1, 1, 1, 1, 1, 1], [0, 5], [30, 34]]) {
      to.bytes.fill(0);
      const elements = (region: typeof from) =>
        lengths.map((length, i) => region.element(i === 0 ? 0 : lengths.slice(0, i).reduce((x, y) => x + y), length));
      const total = lengths.reduce((x, y) => x + y, 0);
      b.queues.postReceive({ elements: elements(to) });
      a.queues.postSend({ opcode: 'send', elements: elements(from) }, fabric.now);
      fabric.run();
      expect(completionsOf(a)).toMatchObject([{ status: 'success' }]);
      expect(completionsOf(b)).toMatchObject([{ status: 'success', byteLength: total }]);
      expect(to.bytes.subarray(0, total)).toEqual(from.bytes.subarray(0, total));
      expect(to.bytes.subarray(total)).toEqual(new Uint8Array(64 - total));
    }
  });

  it('inline data is copied at once', () => {
    const { fabric, a, b } = connectedPair();
    const to = b.side.register(8);
    b.queues.postReceive({ elements: [to.element()] });
    const data = Uint8Array.of(1, 2, 3);
    a.queues.postSend({ opcode: 'send', inline: data }, fabric.now);
    data.fill(0);
    fabric.run();
    expect([...to.bytes]).toEqual([1, 2, 3, 0, 0, 0, 0, 0]);
  });
});

describe('Memory that is not registered', () => {
  const granted = (side: Side) => {
    const region = side.register(16);
    region.bytes.set(patterned(16));
    return { region, where: { remoteAddress: region.address, rkey: region.rkey } };
  };

  it('is sent from, written from and read into, at its place in larger memory', () => {
    const { fabric, a, b } = connectedPair();
    const { region, where } = granted(b.side);
    const bytes = new Uint8Array(40).fill(7);
    a.queues.postSend({ opcode: 'rdmaRead', memory: bytes.subarray(4, 20), ...where }, fabric.now);
    fabric.run();
    expect(bytes).toEqual(Uint8Array.of(7, 7, 7, 7, ...patterned(16), ...new Uint8Array(20).fill(7)));
    a.queues.postSend({ opcode: 'rdmaWrite', memory: bytes.subarray(0, 6), ...where }, fabric.now);
    const to = b.side.register(8);
    b.queues.postReceive({ elements: [to.element()] });
    a.queues.postSend({ opcode: 'send', memory: bytes.subarray(18, 22) }, fabric.now);
    fabric.run();
    expect(region.bytes.subarray(0, 6)).toEqual(bytes.subarray(0, 6));
    expect(to.bytes.subarray(0, 4)).toEqual(bytes.subarray(18, 22));
    expect(outcomesOf(a)).toEqual(['0 rdmaRead success', '0 rdmaWrite success', '0 send success']);
  });

  it('gets what an atomic has found', () => {
    const { fabric, a, b } = connectedPair();
    const { region, where } = granted(b.side);
    const before = region.bytes.slice(0, 8);
    const memory = new Uint8Array(8);
    a.queues.postSend({ opcode: 'fetchAndAdd', memory, add: 1n, ...where }, fabric.now);
    fabric.run();
    expect([memory, region.bytes.slice(0, 8)]).toEqual([before, before.with(0, (before[0] as number) + 1)]);
  });

  it.each(['send', 'rdmaRead'] as const)('fails a %s when the program has detached it', (opcode) => {
    const { fabric, a, b } = connectedPair();
    const { where } = granted(b.side);
    const memory = new Uint8Array(8);
    b.queues.postReceive({ elements: [b.side.register(8).element()] });
    a.queues.postSend(opcode === 'send' ? { opcode, memory } : { opcode, memory, ...where }, fabric.now);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    fabric.run();
    expect([outcomesOf(a), a.queuePair.state]).toEqual([[`0 ${opcode} localProtectionError`], 'ERR']);
  });
});

describe('Posting', () => {
  it('refuses what makes no sense, and changes nothing', () => {
    const { fabric, a } = connectedPair({ attach: { maxElements: 1, maxInline: 8 } });
    const element = a.side.register(8).element();
    const where = { remoteAddress: 0, rkey: 0 };
    const wrong: readonly (readonly [object, string])[] = [
      [{ opcode: 'fly' }, 'no opcode fly'],
      [{ opcode: 'send', elements: [element, element] }, '2 elements; the queue takes 1'],
      [{ opcode: 'send', elements: [{ ...element, length: -1 }] }, '-1 bytes'],
      [{ opcode: 'send', elements: [{ ...element, length: 2 ** 30 + 1 }] }, 'at most 1073741824'],
      [{ opcode: 'send', elements: [{ ...element, address: 0.5 }] }, 'at 0.5'],
      [{ opcode: 'send', inline: new Uint8Array(9) }, 'at most 8 bytes'],
      [{ opcode: 'send', inline: new Uint8Array(1), elements: [element] }, 'either inline data or elements or memory'],
      [{ opcode: 'send', inline: new Uint8Array(1), memory: new Uint8Array(1) }, 'either inline data or elements'],
      [{ opcode: 'send', memory: new Uint8Array(1), elements: [element] }, 'either elements or memory'],
      [{ opcode: 'rdmaRead', memory: 'text', ...where }, 'memory is a Uint8Array of at most 1073741824 bytes'],
      [{ opcode: 'send', immediate: 2 ** 32 }, 'not 32 bits'],
      [{ opcode: 'send', immediate: 1, invalidate: 1 }, 'either immediate data or a key'],
      [{ opcode: 'rdmaRead', remoteAddress: -1, rkey: 0 }, 'remoteAddress is -1'],
      [{ opcode: 'rdmaRead', remoteAddress: 2n ** 64n, rkey: 0 }, 'not a bigint of 64 bits'],
      [{ opcode: 'rdmaRead', remoteAddress: 0, rkey: -1 }, 'rkey is -1'],
      [{ opcode: 'fetchAndAdd', add: 1, ...where }, 'not a bigint of 64 bits'],
      [{ opcode: 'compareAndSwap', compare: 0n, swap: -1n, ...where }, 'swap is -1'],
    ];
    for (const [request, complaint] of wrong) {
      const error = errorOf(() => a.queues.postSend(request as never, fabric.now));
      expect([error.code, error.message]).toEqual(['INVALID_REQUEST', expect.stringContaining(complaint)]);
    }
    expect(a.queues.sends).toBe(0);
    expect(codeOf(() => a.queues.postReceive({ elements: [element, element] }))).toBe('INVALID_REQUEST');
  });

  it('fails when a queue is full, until something is completed', () => {
    const { fabric, a, b } = connectedPair({ attach: { maxSend: 2, maxReceive: 2 } });
    const post = (): void => a.queues.postSend({ opcode: 'send' }, fabric.now);
    const receive = (): void => b.queues.postReceive({});
    for (const each of [post, post, receive, receive]) each();
    expect([codeOf(post), codeOf(receive)]).toEqual(['QUEUE_FULL', 'QUEUE_FULL']);
    fabric.run();
    for (const each of [post, post, receive, receive]) each();
    expect([a.queues.sends, b.queues.receives]).toEqual([2, 2]);
  });

  it('receives from INIT on, sends from RTS on', () => {
    const fabric = new Fabric();
    const [a, b] = [fabric.a.create(), fabric.b.create()];
    expect(codeOf(() => a.queues.postReceive({}))).toBe('INVALID_STATE');
    a.queuePair.modify(attributesToward('INIT', a, b));
    a.queues.postReceive({});
    expect(codeOf(() => a.queues.postSend({ opcode: 'send' }, fabric.now))).toBe('INVALID_STATE');
    a.queuePair.modify(attributesToward('RTR', a, b));
    expect(codeOf(() => a.queues.postSend({ opcode: 'send' }, fabric.now))).toBe('INVALID_STATE');
    a.queuePair.modify(attributesToward('RTS', a, b));
    a.queues.postSend({ opcode: 'send' }, fabric.now);
    a.queuePair.destroy();
    expect(codeOf(() => a.queues.postSend({ opcode: 'send' }, fabric.now))).toBe('INVALID_STATE');
    expect(codeOf(() => a.queues.postReceive({}))).toBe('INVALID_STATE');
  });

  it('without signalAll, success is told of what is signalled', () => {
    const { fabric, a, b } = connectedPair({ attach: { signalAll: false } });
    for (const id of [1, 2, 3]) b.queues.postReceive({ id });
    for (const id of [1, 2, 3]) a.queues.postSend({ opcode: 'send', id, signalled: id === 2 }, fabric.now);
    fabric.run();
    expect([outcomesOf(a), a.queues.sends, outcomesOf(b).length]).toEqual([['2 send success'], 0, 3]);
  });
});

describe('A completion queue', () => {
  it('says once that it has something, when it is armed', () => {
    const { fabric, a, b } = connectedPair();
    const send = (solicited: boolean): void => {
      b.queues.postReceive({});
      a.queues.postSend({ opcode: 'send', solicited }, fabric.now);
      fabric.run();
    };
    send(false);
    expect(b.side.events()).toEqual([]);
    expect(b.completions.arm()).toBe(true);
    send(false);
    send(false);
    expect(b.side.events()).toEqual([{ type: 'completion', completionQueue: b.completions }]);
    expect(b.completions.arm(true)).toBe(true);
    send(false);
    expect(b.side.events()).toEqual([]);
    send(true);
    expect(b.side.events()).toHaveLength(1);
    expect(completionsOf(b)).toHaveLength(5);
    expect(b.completions.arm()).toBe(false);
  });

  it('wakes those who want solicited completions only for failures, too', () => {
    const { fabric, b } = connectedPair();
    b.queues.postReceive({});
    b.completions.arm(true);
    b.queuePair.modify({ state: 'ERR' });
    fabric.run();
    expect(b.side.events().map(({ type }) => type)).toEqual(['completion']);
  });

  it('goes round, and lends one completion at a time', () => {
    const { fabric, a, b } = connectedPair();
    const small = b.side.layer.createCompletionQueue(3);
    const c = b.side.create('rc', { sendCompletions: small });
    const d = a.side.create();
    connect(d, c);
    for (let round = 0; round < 5; round += 1) {
      for (let id = 0; id < 3; id += 1) {
        c.queues.postReceive({ id: round * 3 + id });
        d.queues.postSend({ opcode: 'send' }, fabric.now);
      }
      fabric.run();
      expect([0, 1, 2].map(() => small.poll()?.id)).toEqual([round * 3, round * 3 + 1, round * 3 + 2]);
      expect(small.poll()).toBeUndefined();
    }
  });

  it('keeps the completion that was polled last as it is, whatever comes meanwhile', () => {
    const { fabric, a, b } = connectedPair();
    const send = (id: number): void => {
      b.queues.postReceive({ id });
      a.queues.postSend({ opcode: 'send' }, fabric.now);
      fabric.run();
    };
    send(1);
    const polled = b.completions.poll();
    for (const id of [2, 3]) send(id);
    expect(polled?.id).toBe(1);
    expect([b.completions.poll()?.id, b.completions.poll()?.id, b.completions.poll()]).toEqual([2, 3, undefined]);
  });

  it('that overflows says so, takes no more, and breaks the queue pairs that need it', () => {
    const fabric = new Fabric();
    const completions = fabric.b.layer.createCompletionQueue(2);
    const [a, b] = [fabric.a.create(), fabric.b.create('rc', { sendCompletions: completions })];
    connect(a, b);
    for (let id = 1; id <= 4; id += 1) {
      b.queues.postReceive({ id });
      a.queues.postSend({ opcode: 'send', id }, fabric.now);
    }
    fabric.run();
    expect([completions.overflowed, b.queuePair.state]).toEqual([true, 'ERR']);
    expect(b.side.events()).toEqual([
      { type: 'completionQueueOverflow', completionQueue: completions },
      { type: 'queuePairFatal', queuePair: b.queuePair },
    ]);
    expect(outcomesOf(b)).toEqual(['1 receive success', '2 receive success']);
    expect(a.queuePair.state).toBe('ERR');
  });

  it('is held by its queue pairs until they are destroyed', () => {
    const { a } = connectedPair();
    expect(codeOf(() => a.completions.destroy())).toBe('IN_USE');
    a.queuePair.destroy();
    a.completions.destroy();
    expect(codeOf(() => a.completions.destroy())).toBe('DESTROYED');
    const queuePair = a.side.table.create({ transport: 'rc' });
    const attach = { domain: a.side.domain, sendCompletions: a.completions };
    expect(codeOf(() => a.side.layer.attach(queuePair, attach))).toBe('DESTROYED');
    expect([a.side.domain.users, a.side.layer.usage().queuePairs]).toEqual([0, 0]);
  });
});

describe('A transport layer', () => {
  it('counts no turns when all is done, even if a queue pair that was made before has never had one', () => {
    const fabric = new Fabric();
    fabric.a.create();
    const [a, b] = [fabric.a.create(), fabric.b.create()];
    connect(a, b);
    b.queues.postReceive({ id: 1 });
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    fabric.run();
    expect(fabric.a.layer.usage()).toMatchObject({ turns: 0, queuePairs: 2 });
  });
});

describe('A shared receive queue', () => {
  it('gives its receives to whoever has a message, and completes them there', () => {
    const fabric = new Fabric();
    const shared = fabric.b.layer.createSharedReceiveQueue({ domain: fabric.b.domain, capacity: 4 });
    const pairs = [0, 1].map(() => {
      const [a, b] = [fabric.a.create(), fabric.b.create('rc', { sharedReceiveQueue: shared })];
      connect(a, b);
      return { a, b };
    });
    const [first, second] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
    expect(() => first.b.queues.postReceive({})).toThrow('posted to the shared receive queue');
    for (const id of [1, 2, 3]) shared.post({ id });
    shared.arm(2);
    first.a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.run();
    expect(fabric.b.events()).toEqual([]);
    second.a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.run();
    expect(fabric.b.events()).toEqual([{ type: 'sharedReceiveQueueLimit', sharedReceiveQueue: shared }]);
    expect([outcomesOf(first.b), outcomesOf(second.b), shared.size]).toEqual([
      ['1 receive success'],
      ['2 receive success'],
      1,
    ]);
    first.b.queuePair.modify({ state: 'ERR' });
    expect([outcomesOf(first.b), shared.size]).toEqual([[], 1]);
    expect(fabric.b.events().map(({ type }) => type)).toEqual(['lastWorkRequestReached']);
    expect(codeOf(() => shared.destroy())).toBe('IN_USE');
    for (const { b } of pairs) b.queuePair.destroy();
    shared.destroy();
    expect(codeOf(() => shared.post({}))).toBe('DESTROYED');
  });

  it('is not ready when it is empty, and full when it is full', () => {
    const fabric = new Fabric();
    const shared = fabric.b.layer.createSharedReceiveQueue({ domain: fabric.b.domain, capacity: 1 });
    const [a, b] = [fabric.a.create(), fabric.b.create('rc', { sharedReceiveQueue: shared })];
    connect(a, b);
    a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.settle();
    expect(fabric.b.layer.counters.receiverNotReady).toBe(1);
    shared.post({ id: 3 });
    expect(codeOf(() => shared.post({}))).toBe('QUEUE_FULL');
    expect(codeOf(() => shared.post({ elements: [{}, {}] as never }))).toBe('INVALID_REQUEST');
    fabric.run();
    expect(outcomesOf(b)).toEqual(['3 receive success']);
    expect(
      codeOf(() =>
        fabric.a.layer.attach(fabric.a.table.create({ transport: 'rc' }), {
          domain: fabric.a.domain,
          sendCompletions: a.completions,
          sharedReceiveQueue: shared,
        }),
      ),
    ).toBe('INVALID_ARGUMENT');
  });
});

describe('A transport layer', () => {
  it('refuses sizes that there are not', () => {
    const random = new SeededRandom(1);
    expect(codeOf(() => new TransportLayer({ random, limits: { maxUnackedPackets: 1 } }))).toBe('INVALID_ARGUMENT');
    const layer = new TransportLayer({ random });
    expect(codeOf(() => layer.createCompletionQueue(0))).toBe('INVALID_ARGUMENT');
  });

  it('attaches a fresh queue pair, once, and only so many', () => {
    const fabric = new Fabric({ maxQueuePairs: 2 });
    const { layer, table, domain } = fabric.a;
    const sendCompletions = layer.createCompletionQueue(4);
    const attach = (queuePair = table.create({ transport: 'rc' }), options = {}) =>
      layer.attach(queuePair, { domain, sendCompletions, ...options });
    const { queuePair } = attach();
    expect(codeOf(() => attach(queuePair))).toBe('INVALID_STATE');
    const other = table.create({ transport: 'rc' });
    other.modify({ state: 'INIT', pKey: 0xffff, port: 1 });
    expect(codeOf(() => attach(other))).toBe('INVALID_STATE');
    expect(codeOf(() => attach(undefined, { maxSend: 0 }))).toBe('INVALID_ARGUMENT');
    attach();
    expect(codeOf(() => attach())).toBe('LIMIT_REACHED');
    queuePair.destroy();
    attach();
  });

  it('lets queue pairs take turns, and the CM with them', () => {
    const fabric = new Fabric({ burstPackets: 2 });
    const pairs = [0, 1, 2].map((): number => {
      const [a, b] = [fabric.a.create(), fabric.b.create()];
      connect(a, b);
      const to = b.side.register(2_048);
      const from = a.side.register(2_048);
      const where = { remoteAddress: to.address, rkey: to.rkey };
      a.queues.postSend({ opcode: 'rdmaWrite', elements: [from.element()], ...where }, fabric.now);
      return b.queuePair.qpn;
    });
    const buffer = new Uint8Array(5_000);
    const turns: number[] = [];
    for (let sent = fabric.a.layer.pollTransmit(buffer, 0); sent; sent = fabric.a.layer.pollTransmit(buffer, 0)) {
      turns.push(pairs.indexOf(((buffer[5] as number) << 16) | ((buffer[6] as number) << 8) | (buffer[7] as number)));
    }
    expect(turns.slice(0, 12)).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
    expect(turns).toHaveLength(24);
  });
});
