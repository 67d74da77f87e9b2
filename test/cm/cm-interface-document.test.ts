import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import * as cep from '../../src/cep/index.js';
import { CALL_NAMES, CALLS, type Call } from './calls.js';

/** docs/cm-interface.md and the tables that it is made of. */
const ROOT = new URL('../../', import.meta.url);

interface Script {
  readonly renderCmInterface: (module: typeof cep) => string;
  readonly CALLS: Readonly<Record<string, { readonly command?: string; readonly only?: readonly string[] }>>;
  readonly EVENTS: Readonly<Record<string, { readonly causes: readonly string[]; readonly message?: string }>>;
}
let script: Script;

beforeAll(async () => {
  script = (await import(new URL('scripts/cm-interface.js', ROOT).href)) as Script;
});

test('docs/cm-interface.md is what `node scripts/cm-interface.js` makes of its tables and the state table', () => {
  expect(readFileSync(new URL('docs/cm-interface.md', ROOT), 'utf8')).toBe(script.renderCmInterface(cep));
});

test('it has every call of the interface, under the name that the manager has for it', () => {
  expect(Object.keys(script.CALLS).sort()).toEqual(['createId', ...CALL_NAMES].sort());
  for (const name of CALL_NAMES) {
    const { command } = CALLS[name] as Call;
    const { command: documented, only } = script.CALLS[name] ?? {};
    expect(documented, name).toBe(command === 'getRequest' ? undefined : command);
    expect(only, name).toEqual(command === 'getRequest' ? ['LISTEN'] : undefined);
  }
});

describe('of the events', () => {
  /** The events and causes that handlers tell, as the sources have them. */
  const told = new Set<string>();
  for (const file of readdirSync(new URL('src/cep/', ROOT))) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(new URL(`src/cep/${file}`, ROOT), 'utf8');
    for (const [, type, orStale, cause] of text.matchAll(/\btell\(cep, EVENT\.(\w+), (causeOr\(cep, )?CAUSE\.(\w+)/g)) {
      told.add(`${type}: ${cause}`);
      if (orStale !== undefined) told.add(`${type}: stale`);
    }
  }

  test('it has every one with every cause, and no other', () => {
    const documented = Object.entries(script.EVENTS).flatMap(([type, { causes }]) =>
      causes.map((cause) => `${type}: ${cause}`),
    );
    expect(documented.sort()).toEqual([...told].sort());
    expect(Object.keys(script.EVENTS)).toEqual([...cep.EVENT_TYPES]);
  });

  test('those that a message causes carry the message of their name', () => {
    for (const [type, { causes, message }] of Object.entries(script.EVENTS)) {
      const named = causes.includes('message') ? type.replace('_received', '').toUpperCase() : undefined;
      expect(message, type).toBe(named);
    }
  });
});
