import { describe, expect, it } from 'vitest';
import { completionsOf, connectedPair, outcomesOf, patterned } from './fabric.js';

describe('A reliable connection', () => {
  it.each([0, 1, 3, 4, 255, 256, 257, 1_000, 4_096, 70_000])('sends a message of %i bytes', (length) => {
    const { fabric, a, b } = connectedPair();
    const from = a.side.register(length);
    const to = b.side.register(length + 8);
    from.bytes.set(patterned(length));
    b.queues.postReceive({ id: 7, elements: [to.element()] });
    a.queues.postSend({ opcode: 'send', id: 3, elements: [from.element()] }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['3 send success']);
    expect(completionsOf(b)).toMatchObject([
      { id: 7, opcode: 'receive', status: 'success', byteLength: length, immediate: undefined, qpn: b.queuePair.qpn },
    ]);
    expect(to.bytes).toEqual(Uint8Array.from([...from.bytes, 0, 0, 0, 0, 0, 0, 0, 0]));
  });
  it.each([0, 1, 256, 257, 70_000])('writes %i bytes', (length) => {
    const { fabric, a, b } = connectedPair();
    const from = a.side.register(length);
    const to = b.side.register(length + 8);
    from.bytes.set(patterned(length));
    a.queues.postSend(
      { opcode: 'rdmaWrite', id: 3, elements: [from.element()], remoteAddress: to.address + 4, rkey: to.rkey },
      fabric.now,
    );
    fabric.run();
    expect(outcomesOf(a)).toEqual(['3 rdmaWrite success']);
    expect(to.bytes).toEqual(Uint8Array.from([0, 0, 0, 0, ...from.bytes, 0, 0, 0, 0]));
  });
  it.each([0, 1, 256, 257, 70_000])('reads %i bytes', (length) => {
    const { fabric, a, b } = connectedPair();
    const to = a.side.register(length + 8);
    const from = b.side.register(length + 8);
    from.bytes.set(patterned(length + 8));
    a.queues.postSend(
      {
        opcode: 'rdmaRead',
        id: 3,
        elements: [to.element(4, length)],
        remoteAddress: from.address + 4,
        rkey: from.rkey,
      },
      fabric.now,
    );
    fabric.run();
    expect(outcomesOf(a)).toEqual(['3 rdmaRead success']);
    expect(to.bytes.slice(4, 4 + length)).toEqual(from.bytes.slice(4, 4 + length));
  });
});
