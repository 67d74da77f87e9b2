import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/index.js';
import { CepStore } from '../../src/cep/cep-store.js';
import { CEP_RECORD } from '../../src/cep/record.js';

type Field = keyof typeof CEP_RECORD;
const FIELDS = Object.keys(CEP_RECORD) as Field[];
/** What outlives a CEP, so that its CID and comm IDs are not given again. */
const SURVIVING: readonly Field[] = ['generation', 'commGeneration'];

describe('A CEP store', () => {
  it('gives a slot again with nothing in its record but the generations', () => {
    const store = new CepStore(1, new SeededRandom(1));
    const cep = store.cursor().moveTo(store.allocate());
    const { slot } = cep;
    for (const field of FIELDS) cep[field] = 1 as never;
    const cid = store.cidOf(cep);
    store.release(slot);

    expect(store.allocate()).toBe(slot);
    for (const field of FIELDS) if (!SURVIVING.includes(field)) expect([field, Number(cep[field])]).toEqual([field, 0]);
    expect(cep.generation).toBe(2);
    expect(cep.commGeneration).toBe(1);
    expect(store.cidOf(cep)).not.toBe(cid);
  });

  it('gives no more slots than it has, and those that came back in their order', () => {
    const store = new CepStore(3, new SeededRandom(1));
    expect([store.allocate(), store.allocate(), store.allocate(), store.allocate()]).toEqual([1, 2, 3, 0]);
    store.release(2);
    store.release(1);
    expect([store.size, store.allocate(), store.allocate(), store.allocate()]).toEqual([1, 2, 1, 0]);
  });
});
