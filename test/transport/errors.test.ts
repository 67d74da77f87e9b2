import { describe, expect, it } from 'vitest';
import { MEMORY_ACCESS, type WorkRequest } from '../../src/transport/index.js';
import { ACCESS } from '../../src/verbs/index.js';
import { AETH, AETH_KINDS, BTH_BYTES, NAK_CODES, opcodeOf } from '../../src/wire/index.js';
import {
  ALL_ACCESS,
  type ConnectOptions,
  completionsOf,
  connectedPair,
  opcodeIn,
  outcomesOf,
  patterned,
} from './fabric.js';

const ACKNOWLEDGE = opcodeOf('rc', 'acknowledge', 'only');

/** The NAKs that were sent, by code. */
function naksIn(log: readonly Uint8Array[]): number[] {
  return log
    .filter(
      (packet) =>
        opcodeIn(packet) === ACKNOWLEDGE && AETH.kind.get(packet, BTH_BYTES) === AETH_KINDS.negativeAcknowledge,
    )
    .map((packet) => AETH.value.get(packet, BTH_BYTES));
}

type Pair = ReturnType<typeof connectedPair>;

function loggedPair(options: ConnectOptions & Parameters<typeof connectedPair>[0] = {}): Pair {
  const pair = connectedPair(options);
  pair.fabric.logging = true;
  return pair;
}

/** Posts a request that must end the connection with a NAK; what was posted behind it is flushed, and the peer's memory is as it was. */
function expectRefusal(
  { fabric, a, b }: Pair,
  request: WorkRequest,
  status: string,
  nak: number,
  event: string | undefined,
  untouched: Uint8Array = new Uint8Array(0),
): void {
  const before = untouched.slice();
  a.queues.postSend({ ...request, id: 1 }, fabric.now);
  a.queues.postSend({ opcode: 'send', id: 2 }, fabric.now);
  b.queues.postReceive({ id: 9 });
  fabric.run();
  expect(outcomesOf(a)).toEqual([`1 ${request.opcode} ${status}`, '2 send flushed']);
  expect(naksIn(fabric.log)).toEqual([nak]);
  expect([a.queuePair.state, b.queuePair.state]).toEqual(['ERR', 'ERR']);
  expect(b.side.events().map(({ type }) => type)).toEqual(event === undefined ? [] : [event]);
  expect(untouched).toEqual(before);
}

describe('remoteAccessError: NAK remote access error, and the memory is untouched, when the peer', () => {
  const data = patterned(32);
  const write = (remoteAddress: number | bigint, rkey: number): WorkRequest => ({
    opcode: 'rdmaWrite',
    inline: data,
    remoteAddress,
    rkey,
  });
  const refuse = (pair: Pair, request: WorkRequest, untouched?: Uint8Array): void =>
    expectRefusal(pair, request, 'remoteAccessError', NAK_CODES.remoteAccessError, 'queuePairAccessError', untouched);

  it('has another key', () => {
    const pair = loggedPair();
    const region = pair.b.side.register(64);
    refuse(pair, write(region.address, (region.rkey ^ 0x1_0000) >>> 0), region.bytes);
  });

  it('has no region any more under the key', () => {
    const pair = loggedPair();
    const region = pair.b.side.register(64);
    region.deregister();
    refuse(pair, write(region.address, region.rkey), region.bytes);
  });

  it('has the region in another protection domain', () => {
    const pair = loggedPair();
    const domain = pair.b.side.layer.allocateProtectionDomain();
    const region = domain.register(new Uint8Array(64), { access: ALL_ACCESS });
    refuse(pair, write(region.address, region.rkey), region.bytes);
  });

  it.each([
    ['before the region', -1],
    ['beyond the region', 33],
    ['far away', 2 ** 40],
  ])('has nothing there: %s', (_, offset) => {
    const pair = loggedPair();
    const region = pair.b.side.register(64);
    refuse(pair, write(region.address + offset, region.rkey), region.bytes);
  });

  it('has no such addresses at all: 64 bits', () => {
    const pair = loggedPair();
    const region = pair.b.side.register(64);
    refuse(pair, write(2n ** 64n - 1n, region.rkey), region.bytes);
  });

  const rights: readonly (readonly [string, number, (address: number, rkey: number) => WorkRequest])[] = [
    ['written', ACCESS.remoteWrite, write],
    ['read', ACCESS.remoteRead, (remoteAddress, rkey) => ({ opcode: 'rdmaRead', remoteAddress, rkey })],
    [
      'added to',
      ACCESS.remoteAtomic,
      (remoteAddress, rkey) => ({ opcode: 'fetchAndAdd', add: 1n, remoteAddress, rkey }),
    ],
    [
      'compared and swapped',
      ACCESS.remoteAtomic,
      (remoteAddress, rkey) => ({ opcode: 'compareAndSwap', compare: 0n, swap: 1n, remoteAddress, rkey }),
    ],
  ];
  describe.each(rights)('does not let its memory be %s', (_, right, request) => {
    const requestOf = (pair: Pair, address: number, rkey: number): WorkRequest => {
      const asked = request(address, rkey);
      return asked.opcode === 'rdmaWrite' ? asked : { ...asked, elements: [pair.a.side.register(8).element()] };
    };

    it('by the region', () => {
      const pair = loggedPair();
      const region = pair.b.side.register(64, ALL_ACCESS & ~right);
      refuse(pair, requestOf(pair, region.address, region.rkey), region.bytes);
    });

    it('by the queue pair', () => {
      const pair = loggedPair({ accessFlags: ALL_ACCESS & ~1 & ~right });
      const region = pair.b.side.register(64);
      refuse(pair, requestOf(pair, region.address, region.rkey), region.bytes);
    });
  });

  it('takes the memory away while it is read: what was read before has come', () => {
    const { fabric, a, b } = loggedPair();
    const from = b.side.register(1_024);
    from.bytes.fill(5);
    const to = a.side.register(1_024);
    a.queues.postSend(
      { opcode: 'rdmaRead', id: 1, elements: [to.element()], remoteAddress: from.address, rkey: from.rkey },
      fabric.now,
    );
    let responses = 0;
    fabric.fate = (bytes, side) => {
      if (side === b.side && ++responses === 2) from.deregister();
      return [{ bytes, delay: 0 }];
    };
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 rdmaRead remoteAccessError']);
    expect(to.bytes.slice(0, 512)).toEqual(from.bytes.slice(0, 512));
    expect(to.bytes.slice(512)).toEqual(new Uint8Array(512));
  });

  it('has no key that the peer could invalidate', () => {
    const pair = loggedPair();
    const region = pair.b.side.register(64);
    pair.b.queues.postReceive({ id: 8 });
    expectRefusal(
      pair,
      { opcode: 'send', invalidate: region.rkey },
      'remoteAccessError',
      NAK_CODES.remoteAccessError,
      'queuePairAccessError',
    );
    expect(region.registered).toBe(true);
    expect(outcomesOf(pair.b)).toEqual(['8 receive flushed', '9 receive flushed']);
  });
});

describe('remoteInvalidRequest: NAK invalid request, when', () => {
  it('a message is longer than its receive, which ends with localLengthError', () => {
    const pair = loggedPair();
    const room = pair.b.side.register(31);
    pair.b.queues.postReceive({ id: 8, elements: [room.element()] });
    const request = { opcode: 'send', inline: patterned(32) } as const;
    expectRefusal(pair, request, 'remoteInvalidRequest', NAK_CODES.invalidRequest, 'queuePairRequestError', room.bytes);
    expect(outcomesOf(pair.b)).toEqual(['8 receive localLengthError', '9 receive flushed']);
  });

  it('there are more reads at once than responder resources', () => {
    const pair = loggedPair({ depth: 1 });
    // The requester believes that there are more.
    pair.a.queuePair.modify({ state: 'SQD' });
    pair.a.queuePair.modify({ initiatorDepth: 3 });
    pair.a.queuePair.modify({ state: 'RTS' });
    const [from, to] = [pair.b.side.register(2_048), pair.a.side.register(2_048)];
    for (const id of [1, 2]) {
      const where = { remoteAddress: from.address, rkey: from.rkey };
      pair.a.queues.postSend({ opcode: 'rdmaRead', id, elements: [to.element()], ...where }, pair.fabric.now);
    }
    pair.fabric.run();
    expect(naksIn(pair.fabric.log)).toEqual([NAK_CODES.invalidRequest]);
    expect(outcomesOf(pair.a)).toEqual(['1 rdmaRead success', '2 rdmaRead remoteInvalidRequest']);
  });

  it('an atomic is not at a multiple of eight', () => {
    const pair = loggedPair();
    const region = pair.b.side.register(64);
    const elements = [pair.a.side.register(8).element()];
    const request = {
      opcode: 'fetchAndAdd',
      add: 1n,
      elements,
      remoteAddress: region.address + 4,
      rkey: region.rkey,
    } as const;
    expectRefusal(
      pair,
      request,
      'remoteInvalidRequest',
      NAK_CODES.invalidRequest,
      'queuePairRequestError',
      region.bytes,
    );
  });
});

describe('remoteOperationalError: NAK remote operational error, when', () => {
  it.each([
    ['may not be written', (pair: Pair) => pair.b.side.register(64, 0).element()],
    [
      'is not registered any more',
      (pair: Pair) => {
        const region = pair.b.side.register(64);
        region.deregister();
        return { lkey: region.lkey, address: region.address, length: 64 };
      },
    ],
    [
      'is of another protection domain',
      (pair: Pair) => {
        const domain = pair.b.side.layer.allocateProtectionDomain();
        return domain.register(new Uint8Array(64), { access: MEMORY_ACCESS.localWrite }).element();
      },
    ],
    ['ends before the element does', (pair: Pair) => ({ ...pair.b.side.register(64).element(), length: 65 })],
  ])("the receive's memory %s; it ends with localProtectionError", (_, elementOf) => {
    const pair = loggedPair();
    pair.b.queues.postReceive({ id: 8, elements: [elementOf(pair)] });
    const request = { opcode: 'send', inline: patterned(16) } as const;
    expectRefusal(pair, request, 'remoteOperationalError', NAK_CODES.remoteOperationalError, undefined);
    expect(outcomesOf(pair.b)).toEqual(['8 receive localProtectionError', '9 receive flushed']);
  });
});

describe('localProtectionError', () => {
  const wrongElements = [
    ['of an unknown key', (pair: Pair) => ({ ...pair.a.side.register(64).element(), lkey: 0x1234_5678 })],
    ['beyond the region', (pair: Pair) => ({ ...pair.a.side.register(64).element(), length: 65 })],
    [
      'of another protection domain',
      (pair: Pair) => pair.a.side.layer.allocateProtectionDomain().register(new Uint8Array(64)).element(),
    ],
  ] as const;

  it.each(wrongElements)(
    'of a send with an element %s; what was before it is done, the rest is flushed',
    (_, elementOf) => {
      const pair = loggedPair();
      const { fabric, a, b } = pair;
      for (const id of [1, 2, 3]) b.queues.postReceive({ id });
      for (const id of [1, 2]) a.queues.postSend({ opcode: 'send', id }, fabric.now);
      a.queues.postSend({ opcode: 'send', id: 3, elements: [elementOf(pair)] }, fabric.now);
      a.queues.postSend({ opcode: 'send', id: 4 }, fabric.now);
      const began = fabric.now;
      fabric.run();
      expect(outcomesOf(a)).toEqual([
        '1 send success',
        '2 send success',
        '3 send localProtectionError',
        '4 send flushed',
      ]);
      expect(a.queuePair.state).toBe('ERR');
      // Nobody had to wait for a timeout to find it out.
      expect(fabric.now).toBe(began);
    },
  );

  it('of a read into memory that may not be written', () => {
    const { fabric, a, b } = loggedPair();
    const [to, from] = [a.side.register(8, 0), b.side.register(8)];
    const where = { remoteAddress: from.address, rkey: from.rkey };
    a.queues.postSend({ opcode: 'rdmaRead', id: 1, elements: [to.element()], ...where }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 rdmaRead localProtectionError']);
    expect(fabric.log).toEqual([]);
  });

  it('when the memory goes away in the middle; what was before it is flushed', () => {
    const { fabric, a, b } = loggedPair();
    const region = a.side.register(1_024);
    for (const id of [1, 2]) b.queues.postReceive({ id, elements: [b.side.register(1_024).element()] });
    a.queues.postSend({ opcode: 'send', id: 1, inline: patterned(8) }, fabric.now);
    a.queues.postSend({ opcode: 'send', id: 2, elements: [region.element()] }, fabric.now);
    let packets = 0;
    fabric.fate = (bytes, side) => {
      if (side === a.side && ++packets === 3) region.deregister();
      return [{ bytes, delay: 0 }];
    };
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 send flushed', '2 send localProtectionError']);
  });

  it('when the program detaches the memory', () => {
    const { fabric, a, b } = loggedPair();
    const region = a.side.register(1_024);
    b.queues.postReceive({});
    a.queues.postSend({ opcode: 'send', id: 1, elements: [region.element()] }, fabric.now);
    structuredClone(region.bytes.buffer, { transfer: [region.bytes.buffer as ArrayBuffer] });
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 send localProtectionError']);
  });
});

describe('localQueuePairOperationError and localLengthError', () => {
  it('reads need an initiator depth', () => {
    const { fabric, a } = loggedPair({ depth: 0 });
    a.queues.postSend({ opcode: 'rdmaRead', id: 1, remoteAddress: 0, rkey: 0 }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 rdmaRead localQueuePairOperationError']);
  });

  it.each([0, 7, 9])('what an atomic finds does not go into %i bytes', (length) => {
    const { fabric, a, b } = loggedPair();
    const region = b.side.register(64);
    const elements = [a.side.register(length).element()];
    a.queues.postSend(
      { opcode: 'fetchAndAdd', id: 1, add: 1n, elements, remoteAddress: region.address, rkey: region.rkey },
      fabric.now,
    );
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 fetchAndAdd localLengthError']);
    expect(region.bytes).toEqual(new Uint8Array(64));
  });
});

describe('retryExceeded', () => {
  it.each([0, 1, 7])('after %i retries without any answer, one ACK timeout each', (retryCount) => {
    const { fabric, a } = loggedPair({ retryCount, ackTimeout: 10 });
    fabric.fate = () => [];
    const began = fabric.now;
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    a.queues.postSend({ opcode: 'send', id: 2 }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 send retryExceeded', '2 send flushed']);
    const timeouts = (fabric.now - began) / (4.096 * 2 ** 10);
    expect(timeouts).toBeGreaterThanOrEqual(retryCount + 1);
    expect(timeouts).toBeLessThan((retryCount + 1) * 1.1);
    expect(fabric.log).toHaveLength(2 * (retryCount + 1));
    expect(a.side.layer.usage().timers).toBe(0);
  });

  it('never with ACK timeout 0', () => {
    const { fabric, a } = loggedPair({ retryCount: 0, ackTimeout: 0 });
    fabric.fate = () => [];
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual([]);
    expect([a.queuePair.state, a.side.layer.usage().timers]).toEqual(['RTS', 0]);
  });
});

describe('rnrRetryExceeded', () => {
  it.each([0, 1, 6])('after %i retries at a peer that has no receive, one RNR timer each', (rnrRetryCount) => {
    const { fabric, a, b } = loggedPair({ rnrRetryCount, minRnrTimer: 14 });
    const began = fabric.now;
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 send rnrRetryExceeded']);
    expect(b.side.layer.counters.receiverNotReady).toBe(rnrRetryCount + 1);
    // Code 14 is 1.28 ms; timers are up to a tick late.
    expect(fabric.now - began).toBeGreaterThanOrEqual(1_280 * rnrRetryCount);
    expect(fabric.now - began).toBeLessThanOrEqual((1_280 + 256) * rnrRetryCount);
    // The peer has not failed.
    expect(b.queuePair.state).toBe('RTS');
  });

  it('never with 7', () => {
    const { fabric, a, b } = loggedPair({ rnrRetryCount: 7, minRnrTimer: 1 });
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    for (let i = 0; i < 50; i += 1) {
      fabric.settle();
      fabric.jump();
    }
    expect(b.side.layer.counters.receiverNotReady).toBeGreaterThan(40);
    b.queues.postReceive({ id: 2 });
    fabric.run();
    expect([outcomesOf(a), outcomesOf(b)]).toEqual([['1 send success'], ['2 receive success']]);
  });
});

describe('a peer with fewer receives than there are messages', () => {
  it('is asked with one message after its wait, and then sent as many as it says it can take', () => {
    const { fabric, a, b } = loggedPair({ rnrRetryCount: 7, minRnrTimer: 1 });
    for (const id of [11, 12, 13]) b.queues.postReceive({ id });
    for (let id = 1; id <= 8; id += 1) a.queues.postSend({ opcode: 'send', id }, fabric.now);
    fabric.settle();
    expect(outcomesOf(a)).toEqual(['1 send success', '2 send success', '3 send success']);
    b.queues.postReceive({ id: 14 });
    fabric.jump();
    fabric.settle();
    // The fourth alone; and when that was taken, the fifth, in vain.
    expect(a.side.layer.counters.retransmitted).toBe(2);
    expect(b.side.layer.counters.receiverNotReady).toBe(2);
    for (const id of [15, 16, 17, 18]) b.queues.postReceive({ id });
    fabric.run();
    expect(outcomesOf(a)).toEqual([4, 5, 6, 7, 8].map((id) => `${id} send success`));
    expect(a.side.layer.counters.retransmitted).toBe(6);
    expect(b.side.layer.counters.receiverNotReady).toBe(2);
  });
});

describe('badResponse', () => {
  it('a response that is not as long as what was asked for', () => {
    const { fabric, a, b } = loggedPair({ icrc: 'ignore' });
    const [to, from] = [a.side.register(64), b.side.register(128)];
    const where = { remoteAddress: from.address, rkey: from.rkey };
    a.queues.postSend({ opcode: 'rdmaRead', id: 1, elements: [to.element()], ...where }, fabric.now);
    // A peer that understands another length: the last byte of the RETH's.
    fabric.fate = (bytes, side) => {
      if (side === a.side) bytes[BTH_BYTES + 15] = 128;
      return [{ bytes, delay: 0 }];
    };
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 rdmaRead badResponse']);
    expect(to.bytes).toEqual(new Uint8Array(64));
  });

  it('an acknowledgement of another kind than the request', () => {
    const { fabric, a, b } = loggedPair({ icrc: 'ignore' });
    const [to, from] = [a.side.register(8), b.side.register(8)];
    const where = { remoteAddress: from.address, rkey: from.rkey };
    a.queues.postSend({ opcode: 'rdmaRead', id: 1, elements: [to.element()], ...where }, fabric.now);
    fabric.fate = (bytes, side) => {
      if (side === b.side) bytes[0] = opcodeOf('rc', 'atomicAcknowledge', 'only');
      return [{ bytes, delay: 0 }];
    };
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 rdmaRead badResponse']);
  });
});

describe('flushed', () => {
  it('everything that is left, sends and receives, and what is posted afterwards, each in its order', () => {
    const { fabric, a } = loggedPair({ attach: { signalAll: false } });
    fabric.fate = () => [];
    for (const id of [1, 2, 3]) a.queues.postSend({ opcode: 'send', id }, fabric.now);
    for (const id of [11, 12]) a.queues.postReceive({ id });
    fabric.settle();
    a.queuePair.modify({ state: 'ERR' });
    a.queues.postSend({ opcode: 'send', id: 4 }, fabric.now);
    a.queues.postReceive({ id: 13 });
    expect(outcomesOf(a)).toEqual([
      '1 send flushed',
      '2 send flushed',
      '3 send flushed',
      '11 receive flushed',
      '12 receive flushed',
      '4 send flushed',
      '13 receive flushed',
    ]);
    expect(a.side.layer.usage()).toMatchObject({ timers: 0 });
    fabric.run();
    expect(completionsOf(a)).toEqual([]);
  });

  it('not what the peer has taken, even if it goes to ERR before it has said so', () => {
    const { fabric, a, b } = loggedPair();
    b.queues.postReceive({ id: 9 });
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    // On its way, and there.
    fabric.step();
    expect(outcomesOf(b)).toEqual(['9 receive success']);
    b.queuePair.modify({ state: 'ERR' });
    fabric.run();
    expect(outcomesOf(a)).toEqual(['1 send success']);
  });

  it('nothing on the way through RESET: it is forgotten', () => {
    const { fabric, a } = loggedPair();
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    a.queues.postReceive({ id: 11 });
    a.queuePair.modify({ state: 'RESET' });
    fabric.run();
    expect([outcomesOf(a), a.queues.sends, a.queues.receives, fabric.log]).toEqual([[], 0, 0, []]);
    expect(() => a.queues.postSend({ opcode: 'send' }, fabric.now)).toThrow('is in RESET and takes no sends');
    expect(() => a.queues.postReceive({})).toThrow('is in RESET and takes no receives');
  });
});
