import { describe, expect, it } from 'vitest';
import type { WorkRequest } from '../../src/transport/index.js';
import {
  AETH,
  AETH_KINDS,
  BTH,
  BTH_BYTES,
  creditsOfCode,
  NAK_CODES,
  opcodeOf,
  psnDistance,
  RETH,
} from '../../src/wire/index.js';
import { completionsOf, connectedPair, opcodeIn, outcomesOf, patterned, psnIn, sealed } from './fabric.js';

const SEND = opcodeOf('rc', 'send', 'only');
const READ = opcodeOf('rc', 'rdmaReadRequest', 'only');
const ACKNOWLEDGE = opcodeOf('rc', 'acknowledge', 'only');

type Pair = ReturnType<typeof connectedPair>;

function loggedPair(options: Parameters<typeof connectedPair>[0] = {}): Pair {
  const pair = connectedPair(options);
  pair.fabric.logging = true;
  return pair;
}

const postSends = ({ fabric, a }: Pair, ids: readonly number[]): void => {
  for (const id of ids) a.queues.postSend({ opcode: 'send', id }, fabric.now);
};
const postReceives = ({ b }: Pair, count: number): void => {
  for (let id = 0; id < count; id += 1) b.queues.postReceive({ id });
};
const withOpcode = (log: readonly Uint8Array[], opcode: number): Uint8Array[] =>
  log.filter((packet) => opcodeIn(packet) === opcode);
const asks = (packet: Uint8Array): boolean => BTH.ackRequest.get(packet, 0) === 1;

describe('Acknowledgements', () => {
  it('are asked for by the last of what is posted, and one answers all of it', () => {
    const pair = loggedPair();
    postReceives(pair, 20);
    postSends(pair, [1, 2, 3, 4, 5, 6, 7, 8]);
    pair.fabric.run();
    const sends = withOpcode(pair.fabric.log, SEND);
    expect(sends.map(asks)).toEqual([false, false, false, false, false, false, false, true]);
    const [answer, ...more] = withOpcode(pair.fabric.log, ACKNOWLEDGE) as [Uint8Array, ...Uint8Array[]];
    expect(more).toEqual([]);
    expect(psnIn(answer)).toBe(psnIn(sends[7] as Uint8Array));
    expect(AETH.msn.get(answer, BTH_BYTES)).toBe(8);
    expect(outcomesOf(pair.a)).toHaveLength(8);
  });

  it.each([1, 2, 3])('come after a request that is due with them, also after %i packets', (before) => {
    const pair = loggedPair();
    const { fabric, a, b } = pair;
    postReceives(pair, before + 1);
    a.queues.postReceive({ id: 0 });
    postSends(
      pair,
      Array.from({ length: before }, (_, id) => id),
    );
    fabric.run();
    fabric.log.length = 0;
    // The answer to a message is posted before the message is acknowledged.
    a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.send(a.side);
    fabric.arrive();
    b.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.run();
    expect(fabric.log.map(opcodeIn)).toEqual([SEND, SEND, ACKNOWLEDGE, ACKNOWLEDGE]);
  });

  it('of a send that comes again acknowledge no read that came after it: its responses do', () => {
    const pair = loggedPair();
    const { fabric, a, b } = pair;
    postReceives(pair, 1);
    postSends(pair, [1]);
    fabric.run();
    const [from, to] = [a.side.register(3_000), b.side.register(3_000)];
    a.queues.postSend(
      { opcode: 'rdmaRead', elements: [from.element()], remoteAddress: to.address, rkey: to.rkey },
      fabric.now,
    );
    fabric.run();
    const [send] = withOpcode(fabric.log, SEND) as [Uint8Array];
    fabric.log.length = 0;
    fabric.deliver({ to: b.side, from: a.side, bytes: send, arrives: fabric.now });
    fabric.run();
    expect(fabric.log.map((packet) => [opcodeIn(packet), psnIn(packet)])).toEqual([[ACKNOWLEDGE, psnIn(send)]]);
  });

  it('are asked for four times in a window, so that it moves on while it is open', () => {
    const pair = loggedPair({ limits: { maxUnackedPackets: 16 } });
    const [from, to] = [pair.a.side.register(25_600), pair.b.side.register(25_600)];
    const where = { remoteAddress: to.address, rkey: to.rkey };
    pair.a.queues.postSend({ opcode: 'rdmaWrite', elements: [from.element()], ...where }, pair.fabric.now);
    pair.fabric.run();
    const requests = pair.fabric.log.filter((packet) => opcodeIn(packet) !== ACKNOWLEDGE);
    expect(requests).toHaveLength(100);
    expect(requests.filter(asks).length).toBeGreaterThanOrEqual(20);
  });

  it('say how many receives are left', () => {
    const pair = loggedPair();
    postReceives(pair, 8);
    postSends(pair, [1, 2]);
    pair.fabric.run();
    const [answer] = withOpcode(pair.fabric.log, ACKNOWLEDGE) as [Uint8Array];
    expect(creditsOfCode(AETH.value.get(answer, BTH_BYTES))).toBe(6);
  });

  it('with their credits keep a sender from finding the peer not ready', () => {
    const pair = loggedPair();
    postReceives(pair, 2);
    postSends(pair, [1]);
    pair.fabric.settle();
    // One receive is left: of these, one may be on its way without an answer.
    postSends(pair, [2, 3, 4, 5]);
    pair.fabric.settle();
    expect(pair.b.side.layer.counters.receiverNotReady).toBeLessThanOrEqual(1);
    postReceives(pair, 8);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toHaveLength(5);
  });

  it('are implied by the responses of a read', () => {
    const pair = loggedPair();
    const [to, from] = [pair.a.side.register(8), pair.b.side.register(8)];
    postReceives(pair, 1);
    postSends(pair, [1]);
    const where = { remoteAddress: from.address, rkey: from.rkey };
    pair.a.queues.postSend({ opcode: 'rdmaRead', id: 2, elements: [to.element()], ...where }, pair.fabric.now);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['1 send success', '2 rdmaRead success']);
    expect(withOpcode(pair.fabric.log, ACKNOWLEDGE)).toEqual([]);
  });

  it('that are lost are given again when the request comes again', () => {
    const pair = loggedPair();
    postReceives(pair, 2);
    let lost = 0;
    pair.fabric.fate = (bytes, side) => (side === pair.b.side && ++lost === 1 ? [] : [{ bytes, delay: 0 }]);
    postSends(pair, [1]);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['1 send success']);
    // The message was received once.
    expect(outcomesOf(pair.b)).toEqual(['0 receive success']);
    expect(pair.b.side.layer.counters.duplicates).toBe(1);
    expect(pair.a.side.layer.counters.timeouts).toBe(1);
  });
});

describe('What is lost', () => {
  it('is asked for once, whatever comes behind it, and sent again from there on without waiting', () => {
    const pair = loggedPair();
    const began = pair.fabric.now;
    postReceives(pair, 10);
    let sent = 0;
    pair.fabric.fate = (bytes, side) => (side === pair.a.side && ++sent === 3 ? [] : [{ bytes, delay: 0 }]);
    postSends(pair, [1, 2, 3, 4, 5, 6]);
    pair.fabric.run();
    const sends = withOpcode(pair.fabric.log, SEND).map((packet) => psnDistance(0xff_fff0, psnIn(packet)));
    expect(sends).toEqual([0, 1, 2, 3, 4, 5, 2, 3, 4, 5]);
    const naks = withOpcode(pair.fabric.log, ACKNOWLEDGE).filter(
      (packet) => AETH.kind.get(packet, BTH_BYTES) === AETH_KINDS.negativeAcknowledge,
    );
    expect(naks.map((nak) => [psnDistance(0xff_fff0, psnIn(nak)), AETH.value.get(nak, BTH_BYTES)])).toEqual([
      [2, NAK_CODES.sequenceError],
    ]);
    expect(outcomesOf(pair.a)).toEqual([1, 2, 3, 4, 5, 6].map((id) => `${id} send success`));
    expect(outcomesOf(pair.b)).toHaveLength(6);
    expect(pair.fabric.now).toBe(began);
  });

  it.each([
    ['of the first', 1],
    ['of the second', 3],
    ['of the last', 5],
  ])('a response %s packets: the read goes on from what is missing', (_, missing) => {
    const pair = loggedPair();
    const [to, from] = [pair.a.side.register(1_280), pair.b.side.register(1_280)];
    from.bytes.set(patterned(1_280));
    let responses = 0;
    pair.fabric.fate = (bytes, side) => (side === pair.b.side && ++responses === missing ? [] : [{ bytes, delay: 0 }]);
    const where = { remoteAddress: from.address, rkey: from.rkey };
    pair.a.queues.postSend({ opcode: 'rdmaRead', id: 1, elements: [to.element()], ...where }, pair.fabric.now);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['1 rdmaRead success']);
    expect(to.bytes).toEqual(from.bytes);
    const [first, second] = withOpcode(pair.fabric.log, READ) as [Uint8Array, Uint8Array];
    const done = missing - 1;
    expect(psnDistance(psnIn(first), psnIn(second))).toBe(done);
    expect(RETH.length.get(second, BTH_BYTES)).toBe(1_280 - 256 * done);
    expect(RETH.address.low.get(second, BTH_BYTES)).toBe((from.address + 256 * done) % 2 ** 32);
  });

  it("an atomic's answer: it is done once, and answered with the same again", () => {
    const pair = loggedPair();
    const [to, counter] = [pair.a.side.register(16), pair.b.side.register(8)];
    counter.bytes[0] = 5;
    let answers = 0;
    pair.fabric.fate = (bytes, side) => (side === pair.b.side && ++answers <= 2 ? [] : [{ bytes, delay: 0 }]);
    const where = { remoteAddress: counter.address, rkey: counter.rkey };
    const add = { opcode: 'fetchAndAdd', add: 3n, ...where } as const;
    pair.a.queues.postSend({ ...add, id: 1, elements: [to.element(0, 8)] }, pair.fabric.now);
    pair.a.queues.postSend({ ...add, id: 2, elements: [to.element(8, 8)] }, pair.fabric.now);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['1 fetchAndAdd success', '2 fetchAndAdd success']);
    expect([to.bytes[0], to.bytes[8], counter.bytes[0]]).toEqual([5, 8, 11]);
  });
});

describe('What has arrived after all', () => {
  it('is not sent again, if its acknowledgement comes before that', () => {
    const pair = loggedPair({ ackTimeout: 10 });
    const { fabric, a, b } = pair;
    const [from, to] = [a.side.register(1_024), b.side.register(1_024)];
    const late: Uint8Array[] = [];
    fabric.fate = (bytes, side) => {
      if (side === a.side) return [{ bytes, delay: 0 }];
      late.push(bytes);
      return [];
    };
    const where = { remoteAddress: to.address, rkey: to.rkey };
    a.queues.postSend({ opcode: 'rdmaWrite', id: 1, elements: [from.element()], ...where }, fabric.now);
    fabric.settle();
    const sent = fabric.log.length;
    fabric.jump();
    // Of the four packets, the third is acknowledged.
    const [answer] = late as [Uint8Array];
    BTH.psn.put(answer, 0, (psnIn(answer) - 1) & 0xff_ffff);
    fabric.deliver({ to: a.side, from: b.side, bytes: sealed(answer, b, a), arrives: fabric.now });
    fabric.fate = (bytes) => [{ bytes, delay: 0 }];
    fabric.run();
    const again = fabric.log.slice(sent).filter((packet) => opcodeIn(packet) !== ACKNOWLEDGE);
    expect(again).toHaveLength(1);
    expect(outcomesOf(a)).toEqual(['1 rdmaWrite success']);
  });
});

describe('A window', () => {
  it.each([2, 16, 128])('of %i packets is never exceeded, by requests or by responses', (maxUnackedPackets) => {
    const pair = loggedPair({ limits: { maxUnackedPackets } });
    const [from, to] = [pair.a.side.register(100_000), pair.b.side.register(100_000)];
    from.bytes.set(patterned(100_000));
    let inFlight = 0;
    let most = 0;
    pair.fabric.fate = (bytes, side) => {
      const isAnswer = opcodeIn(bytes) === ACKNOWLEDGE;
      if (side === pair.a.side && opcodeIn(bytes) !== READ) inFlight += 1;
      else if (isAnswer) inFlight = 0;
      most = Math.max(most, inFlight);
      return [{ bytes, delay: 5 }];
    };
    const where = { remoteAddress: to.address, rkey: to.rkey };
    pair.a.queues.postSend({ opcode: 'rdmaWrite', id: 1, elements: [from.element()], ...where }, pair.fabric.now);
    pair.fabric.run();
    expect(most).toBeLessThanOrEqual(maxUnackedPackets);
    expect(to.bytes.every((byte, i) => byte === from.bytes[i])).toBe(true);

    const back = pair.a.side.register(100_000);
    const reads = withOpcode(pair.fabric.log, READ).length;
    pair.a.queues.postSend({ opcode: 'rdmaRead', id: 2, elements: [back.element()], ...where }, pair.fabric.now);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['1 rdmaWrite success', '2 rdmaRead success']);
    expect(back.bytes.every((byte, i) => byte === from.bytes[i])).toBe(true);
    const asked = withOpcode(pair.fabric.log, READ).slice(reads);
    expect(Math.max(...asked.map((packet) => RETH.length.get(packet, BTH_BYTES)))).toBe((maxUnackedPackets / 2) * 256);
  });

  it('holds as many reads as the initiator depth says', () => {
    const pair = loggedPair({ depth: 2 });
    const [to, from] = [pair.a.side.register(8), pair.b.side.register(8)];
    const where = { remoteAddress: from.address, rkey: from.rkey };
    pair.fabric.fate = (bytes) => [{ bytes, delay: 10 }];
    for (const id of [1, 2, 3, 4, 5]) {
      pair.a.queues.postSend({ opcode: 'rdmaRead', id, elements: [to.element()], ...where }, pair.fabric.now);
    }
    pair.fabric.step();
    expect(withOpcode(pair.fabric.log, READ)).toHaveLength(2);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toHaveLength(5);
    expect(pair.a.side.layer.counters.retransmitted).toBe(0);
  });
});

describe('A response that comes when its read was given up, but not asked for again yet', () => {
  it('counts as one answer, not as room for one more read', () => {
    const pair = loggedPair({ depth: 1, ackTimeout: 10 });
    const { fabric, a, b } = pair;
    const [to, from] = [a.side.register(8), b.side.register(8)];
    const where = { remoteAddress: from.address, rkey: from.rkey };
    let late: Uint8Array | undefined;
    fabric.fate = (bytes, side) => {
      if (side === a.side || late !== undefined) return [{ bytes, delay: 0 }];
      late = bytes;
      return [];
    };
    for (const id of [1, 2, 3]) {
      a.queues.postSend({ opcode: 'rdmaRead', id, elements: [to.element()], ...where }, fabric.now);
    }
    fabric.settle();
    fabric.jump();
    // Its turn to send has not come yet.
    fabric.deliver({ to: a.side, from: b.side, bytes: late as Uint8Array, arrives: fabric.now });
    const before = withOpcode(fabric.log, READ).length;
    fabric.step();
    expect(withOpcode(fabric.log, READ)).toHaveLength(before + 1);
    fabric.run();
    expect(outcomesOf(a)).toEqual([1, 2, 3].map((id) => `${id} rdmaRead success`));
  });
});

describe('A fence', () => {
  it.each([true, false])('(%s) makes what follows wait for the reads before it', (fence) => {
    const pair = loggedPair();
    postReceives(pair, 1);
    const [to, from] = [pair.a.side.register(8), pair.b.side.register(8)];
    const where = { remoteAddress: from.address, rkey: from.rkey };
    pair.fabric.fate = (bytes) => [{ bytes, delay: 10 }];
    pair.a.queues.postSend({ opcode: 'rdmaRead', id: 1, elements: [to.element()], ...where }, pair.fabric.now);
    pair.a.queues.postSend({ opcode: 'send', id: 2, fence }, pair.fabric.now);
    pair.fabric.step();
    expect(withOpcode(pair.fabric.log, SEND)).toHaveLength(fence ? 0 : 1);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['1 rdmaRead success', '2 send success']);
  });
});

describe('What a message carries', () => {
  const carried = (request: WorkRequest): ReturnType<typeof completionsOf> => {
    const pair = loggedPair();
    const to = pair.b.side.register(600);
    pair.b.queues.postReceive({ id: 5, elements: [to.element()] });
    pair.a.queues.postSend(
      request.opcode === 'rdmaWrite' ? { ...request, remoteAddress: to.address, rkey: to.rkey } : request,
      pair.fabric.now,
    );
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual([`0 ${request.opcode} success`]);
    return completionsOf(pair.b);
  };

  it('immediate data of a send', () => {
    expect(carried({ opcode: 'send', inline: patterned(3), immediate: 0xfedc_ba98 })).toMatchObject([
      { id: 5, opcode: 'receive', byteLength: 3, immediate: 0xfedc_ba98 },
    ]);
  });

  it('immediate data of a write, which takes a receive that it does not write to', () => {
    const request = { opcode: 'rdmaWrite', inline: patterned(9), immediate: 0, remoteAddress: 0, rkey: 0 } as const;
    expect(carried(request)).toMatchObject([
      { id: 5, opcode: 'receiveRdmaWithImmediate', byteLength: 9, immediate: 0 },
    ]);
  });

  it('nothing of a write, which takes no receive', () => {
    expect(carried({ opcode: 'rdmaWrite', inline: patterned(9), remoteAddress: 0, rkey: 0 })).toEqual([]);
  });

  it.each([3, 600])('a key to be invalidated, with %i bytes', (length) => {
    const pair = loggedPair();
    const to = pair.b.side.register(600);
    const shared = pair.b.side.domain.register(new Uint8Array(8), { access: 2 | 1, remoteInvalidate: true });
    pair.b.queues.postReceive({ id: 5, elements: [to.element()] });
    const elements = [pair.a.side.register(length).element()];
    pair.a.queues.postSend({ opcode: 'send', elements, invalidate: shared.rkey }, pair.fabric.now);
    pair.fabric.run();
    expect(completionsOf(pair.b)).toMatchObject([
      { status: 'success', byteLength: length, invalidatedKey: shared.rkey },
    ]);
    expect(shared.registered).toBe(false);
  });
});

describe('SQD', () => {
  it('lets what was begun end, begins nothing, says when that is so, and goes on in RTS', () => {
    const pair = loggedPair();
    postReceives(pair, 4);
    pair.fabric.fate = (bytes) => [{ bytes, delay: 10 }];
    postSends(pair, [1]);
    pair.fabric.step();
    pair.a.queuePair.modify({ state: 'SQD' });
    postSends(pair, [2]);
    expect(pair.a.side.events()).toEqual([]);
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['1 send success']);
    expect(pair.a.side.events()).toEqual([{ type: 'sendQueueDrained', queuePair: pair.a.queuePair }]);
    pair.a.queuePair.modify({ state: 'RTS' });
    pair.fabric.run();
    expect(outcomesOf(pair.a)).toEqual(['2 send success']);
  });

  it('says at once that nothing was begun', () => {
    const pair = loggedPair();
    pair.a.queuePair.modify({ state: 'SQD' });
    expect(pair.a.side.events().map(({ type }) => type)).toEqual(['sendQueueDrained']);
  });
});
