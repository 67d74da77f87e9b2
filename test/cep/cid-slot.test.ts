import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import * as cep from '../../src/cep/index.js';
import { CidSlot } from '../../src/cep/index.js';
import { Pair } from './pair.js';

/** The place where a queue pair keeps its CID: who may write it, and what happens when several want to. */

const code = (name: string): object => expect.objectContaining({ code: name }) as object;

describe('R4: a slot', () => {
  test('is invalid at first, and shows what the manager wrote', () => {
    const { client } = new Pair();
    const slot = new CidSlot();
    expect(slot).toMatchObject({ state: 'invalid', cid: undefined });
    const cid = client.owner.create(slot);
    expect(slot).toMatchObject({ state: 'bound', cid });
  });

  test('cannot be written by anybody else', () => {
    const slot = new CidSlot();
    // @ts-expect-error: nobody but the manager writes it.
    expect(() => (slot.cid = 1 as Cid)).toThrow(TypeError);
    // @ts-expect-error: nobody but the manager writes it.
    expect(() => (slot.state = 'bound')).toThrow(TypeError);
    expect(Object.getOwnPropertyNames(slot)).toEqual([]);
    expect(Object.keys(cep).filter((name) => /slot/i.test(name))).toEqual(['CidSlot']);
  });
});

describe('R5: binding', () => {
  test('assigns into an invalid slot only; otherwise neither the CEP nor the slot has changed', () => {
    const { client } = new Pair();
    const slot = new CidSlot();
    const first = client.owner.create(slot);
    const second = client.owner.create();
    expect(() => client.owner.bind(second, slot)).toThrow(code('SLOT_NOT_INVALID'));
    expect(() => client.owner.create(slot)).toThrow(code('SLOT_NOT_INVALID'));
    expect(client.owner.size).toBe(2);
    expect(slot.cid).toBe(first);
    const other = new CidSlot();
    client.owner.bind(second, other);
    expect(other.cid).toBe(second);
  });

  test('is refused to a CEP that is bound, or of somebody else', () => {
    const { client } = new Pair();
    const cid = client.owner.create(new CidSlot());
    const slot = new CidSlot();
    expect(() => client.owner.bind(cid, slot)).toThrow(code('CEP_BOUND'));
    expect(() => client.manager.openOwner().bind(cid, slot)).toThrow(code('INVALID_CID'));
    expect(() => client.owner.bind(99 as Cid, slot)).toThrow(code('INVALID_CID'));
    expect(slot.state).toBe('invalid');
  });

  test('works for a request that came in, whatever becomes of it', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    const slot = new CidSlot();
    pair.server.owner.bind(server, slot);
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.deliverAll();
    expect(slot.cid).toBe(server);
    pair.server.owner.destroySlot(slot, 'reusable', pair.now);
    expect(pair.server.events()).toEqual([]);
    pair.deliverAll();
    expect(pair.client.events().map(({ type }) => type)).toEqual(['rep_received', 'rej_received']);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('R7: destroying', () => {
  test('a slot that is reusable leaves it invalid at once: another CEP may be bound', () => {
    const { client } = new Pair();
    const slot = new CidSlot();
    const cid = client.owner.create(slot);
    client.owner.destroySlot(slot, 'reusable', 0 as never);
    expect(slot).toMatchObject({ state: 'invalid', cid: undefined });
    expect(() => client.owner.state(cid)).toThrow(code('INVALID_CID'));
    client.owner.create(slot);
    expect(slot.state).toBe('bound');
  });

  test('a slot for good leaves it reserved: nothing is ever bound there again, whether anything was or not', () => {
    for (const bound of [false, true]) {
      const { client } = new Pair();
      const slot = new CidSlot();
      if (bound) client.owner.create(slot);
      client.owner.destroySlot(slot, 'reserved', 0 as never);
      expect(slot).toMatchObject({ state: 'reserved', cid: undefined });
      expect(() => client.owner.create(slot)).toThrow(code('SLOT_NOT_INVALID'));
      expect(() => client.owner.bind(client.owner.create(), slot)).toThrow(code('SLOT_NOT_INVALID'));
      client.owner.destroySlot(slot, 'reusable', 0 as never);
      expect(slot.state).toBe('reserved');
    }
  });

  test('the CEP by its CID empties its slot; so does closing the owner', () => {
    const { client } = new Pair();
    const [one, other] = [new CidSlot(), new CidSlot()];
    client.owner.destroy(client.owner.create(one), 0 as never);
    expect(one.state).toBe('invalid');
    client.owner.create(other);
    client.owner.close(0 as never);
    expect(other.state).toBe('invalid');
    expect(client.manager.usage().cidSlots).toBe(0);
  });

  test('R19: another manager’s slot is refused, though its CID has the number of one here', () => {
    const { client, server } = new Pair();
    const [ours, theirs] = [new CidSlot(), new CidSlot()];
    const cid = client.owner.create(ours);
    expect(server.owner.create(theirs)).toBe(cid);
    for (const after of ['reusable', 'reserved'] as const) {
      expect(() => client.owner.destroySlot(theirs, after, 0 as never)).toThrow(code('INVALID_CID'));
      expect(() => client.owner.destroySlot({ cid } as CidSlot, after, 0 as never)).toThrow(code('INVALID_CID'));
    }
    expect([ours.cid, theirs.cid]).toEqual([cid, cid]);
    expect(client.owner.state(cid)).toBe('IDLE');
  });

  test('another owner’s slot is refused, and changes nothing', () => {
    const { client } = new Pair();
    const slot = new CidSlot();
    const cid = client.owner.create(slot);
    const other = client.manager.openOwner();
    expect(() => other.destroySlot(slot, 'reserved', 0 as never)).toThrow(code('INVALID_CID'));
    expect(slot.cid).toBe(cid);
  });
});

test('R6: what is destroyed is what is bound at that moment, not what was bound before', () => {
  const { client } = new Pair();
  const slot = new CidSlot();
  const seen = client.owner.create(slot);
  client.owner.destroy(seen, 0 as never);
  const now = client.owner.create(slot);
  client.owner.destroySlot(slot, 'reserved', 0 as never);
  expect(() => client.owner.state(now)).toThrow(code('INVALID_CID'));
  expect(client.owner.size).toBe(0);
});

test('R5: R7: whatever is created, bound and destroyed in whatever order, slots and CEPs agree', () => {
  const call = fc.tuple(
    fc.constantFrom('create', 'createIn', 'bind', 'destroy', 'destroySlot', 'reserve'),
    fc.nat(3),
    fc.nat(3),
  );
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
      const { client } = new Pair();
      const { owner } = client;
      const slots = [0, 1, 2, 3].map(() => new CidSlot());
      const cids: Cid[] = [];
      const boundTo = new Map<Cid, number>();
      const reserved = new Set<number>();
      for (const [what, which, place] of calls) {
        const slot = slots[place] as CidSlot;
        const cid = cids[which];
        const free = !reserved.has(place) && ![...boundTo.values()].includes(place);
        if (what === 'create') cids.push(owner.create());
        else if (what === 'createIn') {
          if (!free) expect(() => owner.create(slot)).toThrow(code('SLOT_NOT_INVALID'));
          else boundTo.set(cids[cids.push(owner.create(slot)) - 1] as Cid, place);
        } else if (what === 'bind' && cid !== undefined) {
          if (boundTo.has(cid)) expect(() => owner.bind(cid, slot)).toThrow(code('CEP_BOUND'));
          else if (!free) expect(() => owner.bind(cid, slot)).toThrow(code('SLOT_NOT_INVALID'));
          else {
            owner.bind(cid, slot);
            boundTo.set(cid, place);
          }
        } else if (what === 'destroy' && cid !== undefined) {
          owner.destroy(cid, 0 as never);
          cids.splice(which, 1);
          boundTo.delete(cid);
        } else if (what === 'destroySlot' || what === 'reserve') {
          owner.destroySlot(slot, what === 'reserve' ? 'reserved' : 'reusable', 0 as never);
          if (what === 'reserve') reserved.add(place);
          for (const [each, at] of boundTo) {
            if (at !== place) continue;
            boundTo.delete(each);
            cids.splice(cids.indexOf(each), 1);
          }
        }
        slots.forEach((each, at) => {
          const holder = [...boundTo].find(([, bound]) => bound === at)?.[0];
          expect(each.cid).toBe(holder);
          expect(each.state).toBe(holder !== undefined ? 'bound' : reserved.has(at) ? 'reserved' : 'invalid');
        });
        expect(client.manager.usage()).toMatchObject({ cidSlots: boundTo.size, ceps: cids.length });
      }
    }),
  );
});
