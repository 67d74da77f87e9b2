import { describe, expect, it } from 'vitest';
import { NETWORK_HEADER_BYTES } from '../../src/transport/index.js';
import {
  completionsOf,
  connectedPair,
  datagramQueues,
  Fabric,
  outcomesOf,
  pathTo,
  patterned,
  Q_KEY,
} from './fabric.js';

describe('An unreliable connection', () => {
  it.each([0, 1, 256, 1_000])('sends %i bytes, and is done when they are sent', (length) => {
    const { fabric, a, b } = connectedPair({ transport: 'uc' });
    const [from, to] = [a.side.register(length), b.side.register(length)];
    from.bytes.set(patterned(length));
    b.queues.postReceive({ id: 2, elements: [to.element()] });
    a.queues.postSend({ opcode: 'send', id: 1, elements: [from.element()], immediate: 6 }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 send success']);
    expect(completionsOf(b)).toMatchObject([{ id: 2, status: 'success', byteLength: length, immediate: 6 }]);
    expect(to.bytes).toEqual(from.bytes);
    expect(b.side.layer.counters.packetsSent).toBe(0);
  });

  it('writes, and says so with immediate data', () => {
    const { fabric, a, b } = connectedPair({ transport: 'uc' });
    const [from, to] = [a.side.register(600), b.side.register(600)];
    from.bytes.set(patterned(600));
    b.queues.postReceive({ id: 2 });
    const where = { remoteAddress: to.address, rkey: to.rkey };
    a.queues.postSend({ opcode: 'rdmaWrite', id: 1, elements: [from.element()], immediate: 9, ...where }, fabric.now);
    fabric.run();
    expect(completionsOf(b)).toMatchObject([
      { id: 2, opcode: 'receiveRdmaWithImmediate', byteLength: 600, immediate: 9 },
    ]);
    expect(to.bytes).toEqual(from.bytes);
  });

  it.each([1, 2, 3])(
    'drops a message whose packet %i of 3 is lost, and takes the next one into its receive',
    (missing) => {
      const { fabric, a, b } = connectedPair({ transport: 'uc' });
      const [from, to] = [a.side.register(700), b.side.register(700)];
      for (const id of [8, 9]) b.queues.postReceive({ id, elements: [to.element()] });
      let sent = 0;
      fabric.fate = (bytes) => (++sent === missing ? [] : [{ bytes, delay: 0 }]);
      for (const id of [1, 2]) {
        a.queues.postSend({ opcode: 'send', id, elements: [from.element()], immediate: id }, fabric.now);
      }
      fabric.run();
      expect(outcomesOf(a)).toEqual(['1 send success', '2 send success']);
      expect(completionsOf(b)).toMatchObject([{ id: 8, status: 'success', immediate: 2 }]);
    },
  );

  it('drops duplicates, and what comes late', () => {
    const { fabric, a, b } = connectedPair({ transport: 'uc' });
    for (const id of [8, 9]) b.queues.postReceive({ id });
    fabric.fate = (bytes) => [
      { bytes, delay: 0 },
      { bytes, delay: 5 },
    ];
    for (const id of [1, 2]) a.queues.postSend({ opcode: 'send', id }, fabric.now);
    fabric.run();
    expect(outcomesOf(b)).toEqual(['8 receive success', '9 receive success']);
    expect(b.side.layer.counters.drops.duplicate).toBe(2);
  });

  it.each([
    ['noReceive', { opcode: 'send' } as const],
    ['access', { opcode: 'rdmaWrite', inline: patterned(4), remoteAddress: 0, rkey: 7 } as const],
  ])('drops, and counts as %s, what it cannot take, and goes on', (reason, request) => {
    const { fabric, a, b } = connectedPair({ transport: 'uc' });
    a.queues.postSend(request, fabric.now);
    fabric.run();
    expect(b.side.layer.counters.drops).toMatchObject({ [reason]: 1 });
    b.queues.postReceive({ id: 3 });
    a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.run();
    expect([outcomesOf(b), b.queuePair.state]).toEqual([['3 receive success'], 'RTS']);
  });

  it('drops a message that is longer than its receive, and takes the next one into it', () => {
    const { fabric, a, b } = connectedPair({ transport: 'uc' });
    b.queues.postReceive({ id: 3, elements: [b.side.register(4).element()] });
    for (const length of [5, 4]) a.queues.postSend({ opcode: 'send', inline: patterned(length) }, fabric.now);
    fabric.run();
    expect(b.side.layer.counters.drops.tooLong).toBe(1);
    expect(completionsOf(b)).toMatchObject([{ id: 3, status: 'success', byteLength: 4 }]);
  });

  it('has no reads, no atomics and no invalidation', () => {
    const { fabric, a } = connectedPair({ transport: 'uc' });
    const where = { remoteAddress: 0, rkey: 0 };
    expect(() => a.queues.postSend({ opcode: 'rdmaRead', ...where }, fabric.now)).toThrow('rdmaRead is not for UC');
    expect(() => a.queues.postSend({ opcode: 'fetchAndAdd', add: 1n, ...where }, fabric.now)).toThrow('not for UC');
    expect(() => a.queues.postSend({ opcode: 'send', invalidate: 1 }, fabric.now)).toThrow('only reliable connections');
  });

  it('is in SQE after a send that cannot be done, still receives, and can be led back', () => {
    const { fabric, a, b } = connectedPair({ transport: 'uc' });
    a.queues.postSend({ opcode: 'send', id: 1, elements: [{ lkey: 0, address: 0, length: 1 }] }, fabric.now);
    a.queues.postSend({ opcode: 'send', id: 2 }, fabric.now);
    fabric.run();
    expect([outcomesOf(a), a.queuePair.state]).toEqual([['1 send localProtectionError', '2 send flushed'], 'SQE']);
    a.queues.postSend({ opcode: 'send', id: 3 }, fabric.now);
    a.queues.postReceive({ id: 4 });
    b.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['3 send flushed', '4 receive success']);
    a.queuePair.modify({ state: 'RTS' });
    b.queues.postReceive({ id: 5 });
    a.queues.postSend({ opcode: 'send', id: 6 }, fabric.now);
    fabric.run();
    expect([outcomesOf(a), outcomesOf(b)]).toEqual([['6 send success'], ['0 send success', '5 receive success']]);
  });

  it('breaks when a receive names memory that may not be used', () => {
    const { fabric, a, b } = connectedPair({ transport: 'uc' });
    b.queues.postReceive({ id: 3, elements: [b.side.register(4, 0).element()] });
    a.queues.postSend({ opcode: 'send', inline: patterned(4) }, fabric.now);
    fabric.run();
    expect([outcomesOf(b), b.queuePair.state]).toEqual([['3 receive localProtectionError'], 'ERR']);
  });
});

describe('Datagrams', () => {
  function datagramPair(attach = {}) {
    const fabric = new Fabric();
    const [a, b] = [datagramQueues(fabric.a, attach), datagramQueues(fabric.b, attach)];
    const handle = fabric.a.domain.createAddressHandle(pathTo(fabric.a, fabric.b));
    const to = { handle, qpn: b.queuePair.qpn, qKey: Q_KEY };
    return { fabric, a, b, to };
  }

  it.each([0, 1, 64, 1_024])('bring %i bytes behind forty of network header', (length) => {
    const { fabric, a, b, to } = datagramPair();
    const [from, into] = [a.side.register(length), b.side.register(NETWORK_HEADER_BYTES + length)];
    from.bytes.set(patterned(length));
    b.queues.postReceive({ id: 4, elements: [into.element()] });
    a.queues.postSend({ opcode: 'send', id: 3, elements: [from.element()], to, immediate: 77 }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['3 send success']);
    expect(completionsOf(b)).toMatchObject([
      { id: 4, status: 'success', byteLength: 40 + length, sourceQpn: a.queuePair.qpn, immediate: 77 },
    ]);
    expect(into.bytes.slice(40)).toEqual(from.bytes);
    const view = new DataView(into.bytes.buffer, 20);
    // An IPv4 header from a to b, whose checksum is right.
    const udp = 8 + 12 + 8 + 4 + length + (-length & 3) + 4;
    expect([view.getUint8(0), view.getUint16(2), view.getUint8(9)]).toEqual([0x45, 20 + udp, 17]);
    expect([...into.bytes.slice(32, 40)]).toEqual([10, 0, 0, 1, 10, 0, 0, 2]);
    let sum = 0;
    for (let i = 0; i < 20; i += 2) sum += view.getUint16(i);
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
  });

  it('have an IPv6 header if they came over IPv6', () => {
    const fabric = new Fabric({}, 'verify', ['fd00::1', 'fd00::2']);
    const [a, b] = [datagramQueues(fabric.a), datagramQueues(fabric.b)];
    const handle = fabric.a.domain.createAddressHandle(pathTo(fabric.a, fabric.b));
    const into = b.side.register(44);
    b.queues.postReceive({ elements: [into.element()] });
    const to = { handle, qpn: b.queuePair.qpn, qKey: Q_KEY };
    a.queues.postSend({ opcode: 'send', inline: Uint8Array.of(1, 2, 3, 4), to }, fabric.now);
    fabric.run();
    expect(completionsOf(b)).toMatchObject([{ byteLength: 44 }]);
    expect([into.bytes[0], into.bytes[5], into.bytes[6]]).toEqual([0x60, 8 + 12 + 8 + 4 + 4, 17]);
    expect(into.bytes.slice(8, 40)).toEqual(Uint8Array.from([...fabric.a.gid, ...fabric.b.gid]));
    expect([...into.bytes.slice(40)]).toEqual([1, 2, 3, 4]);
  });

  it('with a wrong Q_Key are dropped', () => {
    const { fabric, a, b, to } = datagramPair();
    b.queues.postReceive({ elements: [b.side.register(64).element()] });
    a.queues.postSend({ opcode: 'send', to: { ...to, qKey: Q_KEY + 1 } }, fabric.now);
    fabric.run();
    expect([outcomesOf(b), b.side.layer.counters.drops.qKey]).toEqual([[], 1]);
  });

  it("with the first bit of the Q_Key set have the sender's own", () => {
    const { fabric, a, b, to } = datagramPair();
    b.queues.postReceive({ elements: [b.side.register(64).element()] });
    a.queues.postSend({ opcode: 'send', to: { ...to, qKey: 0x8000_0000 } }, fabric.now);
    fabric.run();
    expect(outcomesOf(b)).toEqual(['0 receive success']);
  });

  it('without a receive, or with one that is too short, are dropped; that one is there for the next', () => {
    const { fabric, a, b, to } = datagramPair();
    a.queues.postSend({ opcode: 'send', to }, fabric.now);
    fabric.run();
    b.queues.postReceive({ id: 6, elements: [b.side.register(44).element()] });
    a.queues.postSend({ opcode: 'send', inline: patterned(5), to }, fabric.now);
    a.queues.postSend({ opcode: 'send', inline: patterned(4), to }, fabric.now);
    fabric.run();
    expect(b.side.layer.counters.drops).toMatchObject({ noReceive: 1, tooLong: 1 });
    expect(completionsOf(b)).toMatchObject([{ id: 6, byteLength: 44 }]);
  });

  it('are one packet: what is longer ends with localLengthError', () => {
    const { fabric, a, to } = datagramPair();
    const from = a.side.register(1_025);
    a.queues.postSend({ opcode: 'send', id: 1, elements: [from.element()], to }, fabric.now);
    fabric.run();
    expect([outcomesOf(a), a.queuePair.state]).toEqual([['1 send localLengthError'], 'SQE']);
  });

  it('go only along address handles of the same protection domain', () => {
    const { fabric, a, b, to } = datagramPair();
    const handle = a.side.layer.allocateProtectionDomain().createAddressHandle(pathTo(a.side, b.side));
    a.queues.postSend({ opcode: 'send', id: 1, to: { ...to, handle } }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 send localQueuePairOperationError']);
  });

  it('have a destination, and nothing else has one', () => {
    const { fabric, a, to } = datagramPair();
    expect(() => a.queues.postSend({ opcode: 'send' }, fabric.now)).toThrow('datagrams have a destination');
    const rc = connectedPair();
    expect(() => rc.a.queues.postSend({ opcode: 'send', to }, rc.fabric.now)).toThrow('datagrams have a destination');
    expect(() => a.queues.postSend({ opcode: 'rdmaWrite', remoteAddress: 0, rkey: 0 }, fabric.now)).toThrow(
      'not for UD',
    );
  });
});
