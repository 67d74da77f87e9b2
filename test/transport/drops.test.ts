import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import { TRANSPORT_DROP_REASONS, type TransportDropReason } from '../../src/transport/index.js';
import { BTH, BTH_BYTES, DETH_BYTES, HEADER_BYTES, Icrc, opcodeOf } from '../../src/wire/index.js';
import {
  attributesToward,
  completionsOf,
  connectedPair,
  datagramQueues,
  Fabric,
  outcomesOf,
  pathTo,
  patterned,
  Q_KEY,
  sealed,
} from './fabric.js';

/** What b drops when packets of a arrive changed, though their ICRC is right. */
function dropsOf(
  transport: 'rc' | 'uc',
  change: (packet: Uint8Array) => Uint8Array | undefined,
  length = 100,
): { drops: Partial<Record<TransportDropReason, number>>; received: string[]; adapter: Record<string, number> } {
  const { fabric, a, b } = connectedPair({ transport, ackTimeout: 0 });
  const [from, to] = [a.side.register(length), b.side.register(length)];
  b.queues.postReceive({ elements: [to.element()] });
  let first = true;
  fabric.fate = (bytes, side) => {
    if (side !== a.side || !first) return [{ bytes, delay: 0 }];
    first = false;
    const changed = change(bytes);
    return changed === undefined ? [] : [{ bytes: sealed(changed, a, b), delay: 0 }];
  };
  a.queues.postSend({ opcode: 'send', elements: [from.element()] }, fabric.now);
  fabric.settle();
  const some = (all: Record<string, number>) =>
    Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
  return { drops: some(b.side.layer.counters.drops), received: outcomesOf(b), adapter: some(b.side.adapter.drops) };
}

const changed =
  (change: (packet: Uint8Array) => void) =>
  (packet: Uint8Array): Uint8Array => {
    change(packet);
    return packet;
  };

describe('A packet for a queue pair is dropped silently, and counted, for', () => {
  it.each([
    [
      'opcode',
      'one of another service',
      changed((packet) => BTH.opcode.put(packet, 0, opcodeOf('uc', 'send', 'only'))),
    ],
    ['opcode', 'a datagram', changed((packet) => BTH.opcode.put(packet, 0, opcodeOf('ud', 'send', 'only')))],
    ['opcode', 'one that there is not', changed((packet) => BTH.opcode.put(packet, 0, 0x15))],
    ['opcode', 'one of the reliable datagram service', changed((packet) => BTH.opcode.put(packet, 0, 0x44))],
    ['length', 'fewer bytes than its headers', () => new Uint8Array(16).fill(0xff, 2, 4)],
    ['pKey', 'another partition', changed((packet) => BTH.pKey.put(packet, 0, 0x8001))],
  ] as [TransportDropReason, string, (packet: Uint8Array) => Uint8Array][])('%s: %s', (reason, what, change) => {
    const length = what === 'fewer bytes than its headers';
    const { drops, received } = dropsOf('rc', (packet) => {
      const made = change(packet);
      if (length) {
        made.set(packet.subarray(0, BTH_BYTES));
        BTH.opcode.put(made, 0, opcodeOf('rc', 'rdmaReadRequest', 'only'));
      }
      return made;
    });
    expect(drops[reason]).toBe(1);
    expect(received).toEqual([]);
  });

  it('length: an acknowledgement with a payload, or less than its padding', () => {
    expect(
      dropsOf(
        'rc',
        changed((packet) => BTH.opcode.put(packet, 0, opcodeOf('rc', 'acknowledge', 'only'))),
      ).drops,
    ).toMatchObject({
      length: 1,
    });
    const short = dropsOf(
      'rc',
      changed((packet) => BTH.padCount.put(packet, 0, 3)),
      0,
    );
    expect(short.drops).toMatchObject({ length: 1 });
  });

  it('source: not from its peer', () => {
    const { fabric, a, b } = connectedPair();
    const packet = new Uint8Array(16);
    BTH.opcode.put(packet, 0, opcodeOf('rc', 'send', 'only'));
    BTH.pKey.put(packet, 0, 0xffff);
    BTH.destinationQpn.put(packet, 0, b.queuePair.qpn);
    const stranger = parseGid('10.0.0.9');
    const ends = { source: stranger, sourceOffset: 0, destination: b.side.gid, destinationOffset: 0, sourcePort: 5 };
    new Icrc().seal(ends, 0, packet, 0, packet.length);
    b.queues.postReceive({});
    b.side.adapter.handleDatagram(
      packet,
      0,
      packet.length,
      { port: 1, remoteGid: stranger, sourcePort: 5, identification: 0 },
      fabric.now,
    );
    expect(b.side.layer.counters.drops.source).toBe(1);
    expect([outcomesOf(b), a.queuePair.state, b.queuePair.state]).toEqual([[], 'RTS', 'RTS']);
  });

  it.each(['INIT', 'ERR'] as const)('state: in %s', (state) => {
    const fabric = new Fabric();
    const [a, b] = [fabric.a.create(), fabric.b.create()];
    for (const step of ['INIT', 'RTR', 'RTS'] as const)
      a.queuePair.modify(attributesToward(step, a, b, { ackTimeout: 0 }));
    b.queuePair.modify(attributesToward('INIT', b, a));
    if (state === 'ERR') {
      b.queuePair.modify(attributesToward('RTR', b, a));
      b.queuePair.modify({ state });
    }
    a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.settle();
    const { drops } = b.side.layer.counters;
    expect(drops.state + drops.source).toBe(1);
  });

  it('unexpected: an answer to nothing', () => {
    const { fabric, a, b } = connectedPair();
    b.queues.postReceive({});
    let answer: Uint8Array | undefined;
    fabric.fate = (bytes, side) => {
      if (side === b.side) answer = bytes;
      return [{ bytes, delay: 0 }];
    };
    a.queues.postSend({ opcode: 'send', id: 1 }, fabric.now);
    fabric.run();
    const late = (answer as Uint8Array).slice();
    BTH.psn.put(late, 0, (BTH.psn.get(late, 0) + 1) & 0xff_ffff);
    fabric.deliver({ to: a.side, from: b.side, bytes: sealed(late, b, a), arrives: fabric.now });
    expect(a.side.layer.counters.drops.unexpected).toBe(1);
    expect([outcomesOf(a), a.queuePair.state]).toEqual([['1 send success'], 'RTS']);
  });

  it('every reason there is', () => {
    const { a } = connectedPair();
    expect(Object.keys(a.side.layer.counters.drops)).toEqual(Object.keys(TRANSPORT_DROP_REASONS));
  });
});

describe('The adapter drops before that', () => {
  it('what has a wrong ICRC: each bit but those of congestion', () => {
    const { fabric, a, b } = connectedPair({ ackTimeout: 0 });
    fabric.logging = true;
    a.queues.postSend({ opcode: 'send', inline: patterned(5) }, fabric.now);
    fabric.fate = () => [];
    fabric.settle();
    const [packet] = fabric.log as [Uint8Array];
    for (let i = 0; i < packet.length; i += 1) {
      if (i === 4) continue;
      const damaged = packet.slice();
      damaged[i] = (damaged[i] as number) ^ 0x20;
      fabric.deliver({ to: b.side, from: a.side, bytes: damaged, arrives: fabric.now });
    }
    const { icrc, noQueuePair, headerVersion } = b.side.adapter.drops;
    expect(icrc + noQueuePair + headerVersion).toBe(packet.length - 1);
    expect([icrc > 15, b.side.layer.counters.packetsReceived]).toEqual([true, 0]);
  });

  it('what is for a queue pair that moves no data, or for none', () => {
    const fabric = new Fabric();
    const a = fabric.a.create();
    const bare = fabric.b.table.create({ transport: 'rc' });
    const b = { ...fabric.b.create(), queuePair: bare };
    for (const step of ['INIT', 'RTR', 'RTS'] as const)
      a.queuePair.modify(attributesToward(step, a, b, { retryCount: 0 }));
    a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.run();
    expect(fabric.b.adapter.drops.noQueuePair).toBe(1);
  });
});

describe('A packet is accepted', () => {
  it.each([
    ['of a full member at a limited one', 0xffff, 0x7fff, true],
    ['of a limited member at a full one', 0x7fff, 0xffff, true],
    ['but not of a limited member at a limited one', 0x7fff, 0x7fff, false],
  ])('%s', (_, sender, receiver, accepted) => {
    const fabric = new Fabric();
    const [a, b] = [fabric.a.create('ud'), fabric.b.create('ud')];
    for (const [queues, pKey] of [
      [a, sender],
      [b, receiver],
    ] as const) {
      queues.queuePair.modify({ state: 'INIT', pKey, port: 1, qKey: Q_KEY });
      queues.queuePair.modify({ state: 'RTR' });
      queues.queuePair.modify({ state: 'RTS', sendPsn: 0 });
    }
    b.queues.postReceive({ elements: [b.side.register(64).element()] });
    const handle = a.side.domain.createAddressHandle(pathTo(a.side, b.side));
    a.queues.postSend({ opcode: 'send', to: { handle, qpn: b.queuePair.qpn, qKey: Q_KEY } }, fabric.now);
    fabric.run();
    expect([completionsOf(b).length, b.side.layer.counters.drops.pKey]).toEqual(accepted ? [1, 0] : [0, 1]);
  });

  it('from the alternate path, too', () => {
    const { fabric, a, b } = connectedPair();
    const elsewhere = parseGid('10.0.0.77');
    const path = { ...pathTo(b.side, a.side), remoteGid: elsewhere };
    b.queuePair.modify({ alternatePath: path, alternateAckTimeout: 10 });
    b.queues.postReceive({ id: 4 });
    fabric.logging = true;
    fabric.fate = () => [];
    a.queues.postSend({ opcode: 'send' }, fabric.now);
    fabric.settle();
    const [packet] = fabric.log as [Uint8Array];
    const ends = { source: elsewhere, sourceOffset: 0, destination: b.side.gid, destinationOffset: 0, sourcePort: 6 };
    new Icrc().seal(ends, 0, packet, 0, packet.length);
    b.side.adapter.handleDatagram(
      packet,
      0,
      packet.length,
      { port: 1, remoteGid: elsewhere, sourcePort: 6 },
      fabric.now,
    );
    expect(outcomesOf(b)).toEqual(['4 receive success']);
  });

  it('with an IPv4 identification that nobody knows, whatever its length', () => {
    const { fabric, a, b } = connectedPair();
    fabric.logging = true;
    fabric.fate = () => [];
    for (const length of [1, 64, 7]) a.queues.postSend({ opcode: 'send', inline: patterned(length) }, fabric.now);
    fabric.settle();
    const to = b.side.register(64);
    for (const [id, packet] of fabric.log.entries()) {
      b.queues.postReceive({ id, elements: [to.element()] });
      const ends = {
        source: a.side.gid,
        sourceOffset: 0,
        destination: b.side.gid,
        destinationOffset: 0,
        sourcePort: 6,
      };
      new Icrc().seal(ends, 0x1234 + id, packet, 0, packet.length);
      b.side.adapter.handleDatagram(
        packet,
        0,
        packet.length,
        { port: 1, remoteGid: a.side.gid, sourcePort: 6 },
        fabric.now,
      );
    }
    expect(outcomesOf(b)).toEqual(['0 receive success', '1 receive success', '2 receive success']);
  });
});

describe('The first packet in RTR', () => {
  it.each(['rc', 'uc'] as const)(
    'of a connection (%s) says once that the peer is ready, and is answered',
    (transport) => {
      const fabric = new Fabric();
      const [a, b] = [fabric.a.create(transport), fabric.b.create(transport)];
      for (const step of ['INIT', 'RTR', 'RTS'] as const) {
        a.queuePair.modify(attributesToward(step, a, b));
        if (step !== 'RTS') b.queuePair.modify(attributesToward(step, b, a));
      }
      const send = (): void => {
        b.queues.postReceive({ id: 1 });
        a.queues.postSend({ opcode: 'send', id: 2 }, fabric.now);
        fabric.run();
      };
      send();
      expect(b.side.events()).toEqual([{ type: 'communicationEstablished', queuePair: b.queuePair }]);
      expect([outcomesOf(a), outcomesOf(b)]).toEqual([['2 send success'], ['1 receive success']]);
      send();
      expect([b.side.events(), outcomesOf(b)]).toEqual([[], ['1 receive success']]);
    },
  );

  it('of a datagram queue pair says nothing', () => {
    const fabric = new Fabric();
    const a = datagramQueues(fabric.a);
    const b = fabric.b.create('ud');
    b.queuePair.modify({ state: 'INIT', pKey: 0xffff, port: 1, qKey: Q_KEY });
    b.queuePair.modify({ state: 'RTR' });
    b.queues.postReceive({ elements: [b.side.register(40).element()] });
    const handle = a.side.domain.createAddressHandle(pathTo(a.side, b.side));
    a.queues.postSend({ opcode: 'send', to: { handle, qpn: b.queuePair.qpn, qKey: Q_KEY } }, fabric.now);
    fabric.run();
    expect([outcomesOf(b), b.side.events()]).toEqual([['0 receive success'], []]);
    expect(HEADER_BYTES[opcodeOf('ud', 'send', 'only')]).toBe(BTH_BYTES + DETH_BYTES);
  });
});
