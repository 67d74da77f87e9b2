import { describe, expect, test } from 'vitest';
import { CidSlot, EVENT_TYPES } from '../../src/cep/index.js';
import { type CmEvent, CmInterface } from '../../src/cm/index.js';
import type { CmMad } from '../../src/wire/index.js';
import { CmPair, NOTHING_LEFT } from './cm-pair.js';
import { SCENES } from './scenarios.js';

/** What may be done in a callback, and what only there. */

const code = (name: string): object => expect.objectContaining({ code: name }) as object;

describe.each(EVENT_TYPES)('in the callback of %s', (type) => {
  test('the ID is told once, with its message, if one caused it', () => {
    const pair = new CmPair();
    const { side, id } = SCENES[type](pair);
    side.told.length = 0;
    side.cm.poll(pair.now);
    expect(side.told[0]).toMatchObject({ id, type });
    expect(side.told[0]?.mad !== undefined).toBe(side.told[0]?.cause === 'message');
    side.told.length = 0;
    side.cm.poll(pair.now);
    expect(side.told).toEqual([]);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('R11: R16: the ID can be destroyed: nothing more is told, and it is gone once, after the callback', () => {
    const pair = new CmPair();
    const { side, id } = SCENES[type](pair);
    side.told.length = 0;
    side.onEvent = (told) => {
      if (told.id !== id) return;
      side.cm.destroyId(id, pair.now);
      expect(id).toMatchObject({ destroyed: true, inCallback: true });
      expect(side.gone).toEqual([]);
      expect(() => side.cm.state(id)).toThrow(code('INVALID_ID'));
    };
    side.cm.poll(pair.now);
    expect(side.told.filter((told) => told.id === id)).toHaveLength(1);
    expect(side.gone).toEqual([id.context]);
    pair.run();
    while (pair.pair.advance()) pair.run();
    expect(side.told.filter((told) => told.id === id)).toHaveLength(1);
    expect(side.gone.filter((each) => each === id.context)).toHaveLength(1);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('returning "destroy" does the same; any other value does nothing', () => {
    const pair = new CmPair();
    const { side, id } = SCENES[type](pair);
    for (const status of ['success', undefined, 'DESTROY', Promise.resolve('destroy')]) {
      side.onEvent = () => status;
      side.cm.poll(pair.now);
      expect(id.destroyed).toBe(false);
    }
    const again = new CmPair();
    const scene = SCENES[type](again);
    scene.side.onEvent = (told) => (told.id === scene.id ? 'destroy' : 'success');
    scene.side.cm.poll(again.now);
    expect(scene.id.destroyed).toBe(true);
    expect(scene.side.gone).toEqual([scene.id.context]);
    for (const each of [pair, again]) expect(each.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('R16: the whole interface can be closed', () => {
    const pair = new CmPair();
    const { side } = SCENES[type](pair);
    side.told.length = 0;
    side.onEvent = () => side.cm.close(pair.now);
    side.cm.poll(pair.now);
    expect(side.told).toHaveLength(1);
    expect(side.cm.size).toBe(0);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });
});

describe('R16: what is lent', () => {
  test('can be read within the callback only', () => {
    const pair = new CmPair();
    const events: CmEvent[] = [];
    const listener = pair.server.cm.createId((_, event) => {
      events.push(event);
      expect(event.message?.message).toBe('REQ');
    }, undefined);
    pair.server.cm.listen(listener, { serviceId: pair.request().serviceId, backlog: 1 }, pair.now);
    pair.asked();
    pair.server.cm.poll(pair.now);
    expect(() => events[0]?.message).toThrow(code('NOT_IN_CALLBACK'));
    expect(events[0]).toMatchObject({ type: 'req_received', cause: 'message', transmissions: 1 });
  });

  test('and was read is the consumer’s own: it does not change when other messages come', () => {
    const pair = new CmPair();
    pair.listen();
    pair.asked({ privateData: Uint8Array.of(1, 2, 3) });
    pair.server.cm.poll(pair.now);
    const first = pair.server.told[0]?.mad;
    for (let qpn = 0x300; qpn < 0x310; qpn += 1) pair.asked({ qpn, privateData: Uint8Array.of(9, 9, 9) });
    pair.server.cm.poll(pair.now);
    const fields = first?.fields as { privateData: Uint8Array };
    expect([...fields.privateData.subarray(0, 3)]).toEqual([1, 2, 3]);
  });
});

test.each(EVENT_TYPES)(
  'R16: the message of %s can still be read when its callback has closed the interface',
  (type) => {
    const read = (close: boolean): CmMad | undefined => {
      const pair = new CmPair();
      const { side, id } = SCENES[type](pair);
      let message: CmMad | undefined;
      // What closing sends must not be what is read.
      side.cm.bind(id, new CidSlot(), {
        callback: (_, event) => {
          if (close) side.cm.close(pair.now);
          message = event.message;
        },
        context: undefined,
      });
      side.cm.poll(pair.now);
      expect(pair.leftovers()).toEqual(NOTHING_LEFT);
      return message;
    };
    expect(read(true)).toEqual(read(false));
  },
);

test('R16: the interface knows whose callback is running', () => {
  const pair = new CmPair();
  const listener = pair.listen();
  pair.asked();
  const seen: unknown[] = [];
  pair.server.onEvent = () => seen.push(pair.server.cm.current, listener.inCallback);
  expect(pair.server.cm.current).toBeUndefined();
  pair.server.cm.poll(pair.now);
  expect(seen).toEqual([listener, true]);
  expect([pair.server.cm.current, listener.inCallback]).toEqual([undefined, false]);
});

test('R16: to wait for events from inside a callback is refused: they come when it has returned', () => {
  const pair = new CmPair();
  pair.listen();
  pair.asked({ qpn: 0x101 });
  pair.asked({ qpn: 0x102 });
  let refused = 0;
  pair.server.onEvent = () => {
    expect(() => pair.server.cm.poll(pair.now)).toThrow(code('WOULD_DEADLOCK'));
    refused += 1;
  };
  pair.server.cm.poll(pair.now);
  expect(refused).toBe(2);
});

test('R16: an asynchronous callback that awaits the end of its own ID sees it', async () => {
  const pair = new CmPair();
  const ended: string[] = [];
  let gone: () => void = () => {};
  const end = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const listener = pair.server.cm.createId(
    async (id) => {
      pair.server.cm.destroyId(id, pair.now);
      await end;
      ended.push('seen');
    },
    undefined,
    () => gone(),
  );
  pair.server.cm.listen(listener, { serviceId: pair.request().serviceId, backlog: 1 }, pair.now);
  pair.asked();
  pair.server.cm.poll(pair.now);
  await end;
  await Promise.resolve();
  expect(ended).toEqual(['seen']);
});

test('R14: every call can be made from any callback: a whole connection takes place in them', () => {
  const pair = new CmPair();
  const { client, server } = pair;
  const listener = pair.listen();
  server.onEvent = ({ id, type }) => {
    if (type === 'req_received') {
      const request = server.cm.getRequest(listener);
      expect(request?.event.type).toBe('req_received');
      if (request) server.cm.sendRep(request.id, { qpn: 0x200, startingPsn: 1 }, pair.now);
    } else if (type === 'rtu_received') server.cm.sendDreq(id, {}, pair.now);
  };
  client.onEvent = ({ id, type }) => {
    if (type === 'rep_received') client.cm.sendRtu(id, {}, pair.now);
    else if (type === 'dreq_received') {
      client.cm.sendDrep(id, {}, pair.now);
      client.cm.destroyId(id, pair.now);
    }
  };
  client.cm.sendReq(client.create('client'), pair.request(), pair.now);
  pair.run();
  expect(client.types()).toEqual(['rep_received', 'dreq_received']);
  expect(server.types()).toEqual(['req_received', 'rtu_received', 'drep_received']);
  expect(client.gone).toEqual(['client']);
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});

test('an error that a callback throws comes out of the poll; what is left is told by the next', () => {
  const pair = new CmPair();
  pair.listen();
  pair.asked({ qpn: 0x101 });
  pair.asked({ qpn: 0x102 });
  const error = new Error('a bug of the consumer');
  pair.server.onEvent = () => {
    throw error;
  };
  expect(() => pair.server.cm.poll(pair.now)).toThrow(error);
  pair.server.onEvent = undefined;
  expect(pair.server.cm.current).toBeUndefined();
  pair.server.cm.poll(pair.now);
  expect(pair.server.types()).toEqual(['req_received', 'req_received']);
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});

test('R11: what follows from the end of an ID is told in the same poll', () => {
  const { client, now } = new CmPair();
  const ends: string[] = [];
  const second = client.cm.createId(
    () => {},
    undefined,
    () => ends.push('second'),
  );
  const first = client.cm.createId(
    () => {},
    undefined,
    () => {
      ends.push('first');
      client.cm.destroyId(second, now);
      expect(ends).toEqual(['first']);
    },
  );
  client.cm.destroyId(first, now);
  expect(client.cm.poll(now)).toBe(true);
  expect(ends).toEqual(['first', 'second']);
  expect(client.cm.poll(now)).toBe(false);
});

test('R20: the CEP-level interface and the CM-only interface work side by side on one manager', () => {
  const pair = new CmPair();
  const { pair: below } = pair;
  // The server's side of this connection is a CEP, the client's an ID; and the other way round.
  below.server.owner.listen(below.server.owner.create(), { serviceId: 7n as never, backlog: 1 }, pair.now);
  const id = pair.asked({ serviceId: 7n as never });
  const { cid } = below.server.onlyEvent();
  below.server.owner.sendRep(cid, { qpn: 0x200, startingPsn: 1 }, pair.now);
  pair.deliver();
  pair.client.cm.poll(pair.now);
  expect(pair.client.types()).toEqual(['rep_received']);
  pair.client.cm.sendRtu(id, {}, pair.now);

  pair.listen();
  const cep = below.client.owner.create();
  below.client.owner.sendReq(cep, pair.request({ qpn: 0x101 }), pair.now);
  pair.run();
  expect(pair.server.types()).toEqual(['req_received']);
  expect(below.server.events().map(({ type }) => type)).toEqual(['rtu_received']);
  // Neither can name what is the other's.
  const other = new CmInterface(below.client.manager, pair.client.ledger);
  expect(() => other.state(id)).toThrow(code('INVALID_ID'));
  other.close(pair.now);
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});
