import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * `node scripts/state-machine.js` (after `npm run build`): writes docs/state-machine.md from the CEP manager's state table.
 * A test makes the same text from the sources, and fails when the file says something else.
 */
export const DOCUMENT = fileURLToPath(new URL('../docs/state-machine.md', import.meta.url));
const LINE_WIDTH = 120;

/** Each part has a diagram of its own, of its states and what leads to and from them. */
const PARTS = [
  {
    title: 'A connection is made',
    states: /^(IDLE|LISTEN|REQ_.*|REP_.*|ESTABLISHED)$/,
    text: 'On the way a REJ, a time-out and the consumer lead back to IDLE; or to TIMEWAIT, which the third diagram has, if a queue pair may have been live.',
  },
  {
    title: 'An alternate path is talked about',
    states: /^(ESTABLISHED|LAP_.*|APR_.*)$/,
    text: 'The connection stands in all of these states; from each it ends as it does from ESTABLISHED.',
  },
  {
    title: 'A connection ends',
    states: /^(ESTABLISHED|REP_RCVD|REP_SENT|DREQ_.*|TIMEWAIT|IDLE)$/,
    text: 'An unbound CEP (destroyed by its owner) ceases to exist where another one is IDLE again.',
  },
  { title: 'A service ID is resolved', states: /^(IDLE|SIDR_.*)$/, text: 'One question, one answer.' },
];

/** Inputs that the diagrams leave out: `destroy` leads out of every state. */
const NOT_DRAWN = ['destroy', 'getQpAttr'];

const code = (text) => `\`${text}\``;
const list = (names) => (names.length === 0 ? '–' : names.join(', '));

/** Words in lines that fit. */
function wrap(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    if (lines.at(-1).length + word.length >= LINE_WIDTH) lines.push('');
    lines[lines.length - 1] += (lines.at(-1) === '' ? '' : ' ') + word;
  }
  return lines.join('\n');
}

/** One arrow for all inputs that lead from one state to another. */
function diagram(table, states) {
  const arrows = states.flatMap((from) => {
    const inputs = new Map();
    for (const [input, cell] of Object.entries(table[from])) {
      if (cell.kind !== 'handle' || NOT_DRAWN.includes(input)) continue;
      for (const to of cell.to.filter((state) => state !== from && states.includes(state)))
        inputs.set(to, [...(inputs.get(to) ?? []), input]);
    }
    return [...inputs].map(([to, names]) => `  ${from} --> ${to} : ${names.join(', ')}`);
  });
  return ['```mermaid', 'stateDiagram-v2', ...arrows, '```'].join('\n');
}

/** What a cell does, in words. */
function effect(cell) {
  if (cell.kind === 'duplicate') return `again: ${code(cell.handler.name)}`;
  return code(cell.handler.name);
}

function stateSection(state, row, { commands, dropReasons }) {
  const cells = Object.entries(row);
  const acted = cells.filter(([, { kind }]) => kind === 'handle' || kind === 'duplicate');
  const lines = acted.map(([input, cell]) => {
    const states = cell.kind === 'duplicate' ? [state] : cell.to;
    return `| ${input} | ${effect(cell)} | ${list(states)} |`;
  });
  const drops = [...new Set(cells.filter(([, { kind }]) => kind === 'drop').map(([, { reason }]) => reason))];
  const dropped = drops.map((reason) => {
    const inputs = cells.filter(([, cell]) => cell.kind === 'drop' && cell.reason === reason).map(([input]) => input);
    return wrap(`Dropped as *${reason}* (${dropReasons[reason]}): ${list(inputs)}.`);
  });
  const illegal = cells.filter(([input, { kind }]) => kind === 'illegal' && !commands.includes(input));
  const cannot = illegal.length === 0 ? [] : [wrap(`Cannot occur: ${list(illegal.map(([input]) => input))}.`)];
  const table = ['| input | what is done | afterwards |', '| --- | --- | --- |', ...lines].join('\n');
  return [`### ${state}`, table, ...dropped, ...cannot].join('\n\n');
}

/** The document, from what `src/cep` exports: its table, the names in their order, and the reasons for drops. */
export function renderStateMachine({ STATE_TABLE, STATES, COMMANDS, DROP_REASONS }) {
  const parts = PARTS.map(({ title, states, text }) => {
    const names = STATES.filter((state) => states.test(state));
    return [`### ${title}`, wrap(text), diagram(STATE_TABLE, names)].join('\n\n');
  });
  const sections = STATES.map((state) =>
    stateSection(state, STATE_TABLE[state], { commands: COMMANDS, dropReasons: DROP_REASONS }),
  );
  return `${[
    '# The state machine of a CEP',
    wrap(
      'Generated from `src/cep/state-table.ts` by `scripts/state-machine.js`: do not edit. Small letters are inputs: messages from the peer, *timeout* (the timer for an answer, or for the end of timewait), *deadline* (the total time that the consumer gave), *stale* (a newcomer shows that the peer has forgotten the connection), and the calls of the consumer.',
    ),
    '## Diagrams',
    wrap('Without `destroy`, which is valid everywhere, and without what leaves a state as it is.'),
    ...parts,
    '## States',
    wrap(
      'A call that a state does not list fails with `INVALID_STATE`, and nothing has changed. *again* means: it was acted on before, is answered again, and changes nothing. Where several states are named, the values in the message, or what is left of retries and room, decide.',
    ),
    ...sections,
  ].join('\n\n')}\n`;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const text = renderStateMachine(await import('../dist/cep/index.js'));
  if (text === readIfThere()) console.log('docs/state-machine.md is up to date');
  else {
    writeFileSync(DOCUMENT, text);
    console.log('docs/state-machine.md written');
  }
}

function readIfThere() {
  try {
    return readFileSync(DOCUMENT, 'utf8');
  } catch {
    return undefined;
  }
}
