import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as cep from '../../src/cep/index.js';

const ROOT = new URL('../../', import.meta.url);

test('docs/state-machine.md is what `node scripts/state-machine.js` makes of the state table', async () => {
  const script = new URL('scripts/state-machine.js', ROOT).href;
  const { renderStateMachine } = (await import(script)) as { renderStateMachine: (module: typeof cep) => string };
  expect(readFileSync(new URL('docs/state-machine.md', ROOT), 'utf8')).toBe(renderStateMachine(cep));
});
