import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DECODE_CAPTURE } from './capture.js';
import { CODEC } from './codec.js';
import { compare, type Ratio } from './compare.js';
import { CYCLE } from './cycle.js';
import { DATA } from './data.js';
import { DATA_LOOPBACK } from './data-loopback.js';
import { ENDPOINTS } from './endpoints.js';
import type { Figure } from './figure.js';
import { ICRC } from './icrc.js';
import { measure, type Subject } from './measure.js';
import { MEMORY } from './memory.js';
import { rowOf, rowOfFigure, table } from './report.js';
import { SCALE, scaleCosts } from './scale.js';
import { scalePlot, scaleTable } from './scale-plot.js';
import { SERVICE } from './service.js';
import { SIMULATION } from './simulation.js';

export type Unit = 'ns' | 'µs';

/** A figure to be had, and what it is compared with. */
export interface Case extends Subject {
  readonly unit: Unit;
  readonly reference: Subject;
}

const DEFAULT_JSON = fileURLToPath(new URL('../../bench/results/latest.json', import.meta.url));
const BASELINE = fileURLToPath(new URL('../../bench/baseline.json', import.meta.url));
const CASES: readonly Case[] = [...CODEC, ...ICRC, ...CYCLE, ...DATA];
const FIGURES: readonly Figure[] = [
  ...ENDPOINTS,
  ...SIMULATION,
  ...MEMORY,
  ...SCALE,
  ...DATA_LOOPBACK,
  ...DECODE_CAPTURE,
  ...SERVICE,
];
const USAGE = `Usage: npm run bench -- [options]

Measures what a message and a connection cost, in time and memory, and writes the figures as JSON.

  --only NAME   only the cases whose names contain NAME (may be repeated)
  --json FILE   where to write the figures (default bench/results/latest.json)
  --compare     compare the ratios with those of bench/baseline.json, and end with status 1 if one is notably worse
  --plot FILE   instead, print what operations cost beside 1,000 to 1,000,000 CEPs as a table, and draw it as SVG
  --help        this

Cases:
${[...CASES, ...FIGURES].map(({ name }) => `  ${name}`).join('\n')}
`;
const STATUS_USAGE = 2;

function main(): number {
  let options: {
    only?: string[] | undefined;
    json?: string | undefined;
    plot?: string | undefined;
    compare?: boolean | undefined;
    help?: boolean | undefined;
  };
  try {
    options = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        json: { type: 'string' },
        plot: { type: 'string' },
        compare: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return STATUS_USAGE;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const { only, json = DEFAULT_JSON, plot } = options;
  if (plot !== undefined) {
    const costs = scaleCosts();
    writeFileSync(plot, scalePlot(costs));
    console.log(scaleTable(costs));
    return 0;
  }
  const isWanted = ({ name }: { name: string }): boolean =>
    only === undefined || only.some((part) => name.includes(part));
  const cases = CASES.filter(isWanted);
  const figures = FIGURES.filter(isWanted);
  if (cases.length + figures.length === 0) {
    console.error(`No case is called ${only?.join(' or ')}.\n\n${USAGE}`);
    return STATUS_USAGE;
  }

  const subjects = new Set<Subject>([...cases, ...cases.map(({ reference }) => reference)]);
  const timings = measure([...subjects]);
  const rows = [...cases.map((each) => rowOf(each, timings)), ...figures.map(rowOfFigure)];
  const machine = { node: process.version, platform: process.platform, arch: process.arch, cpu: cpus()[0]?.model };
  console.log(`Node ${machine.node}, ${machine.platform} ${machine.arch}, ${machine.cpu}\n\n${table(rows)}`);

  const file = resolve(json);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...machine, rows }, null, 2)}\n`);
  console.log(`\nWritten to ${relative('', file)}`);
  return options.compare === true ? compareWithBaseline(rows) : 0;
}

/** @returns the exit status. */
function compareWithBaseline(rows: readonly Ratio[]): number {
  const { rows: before } = JSON.parse(readFileSync(BASELINE, 'utf8')) as { readonly rows: readonly Ratio[] };
  const { lines, worse } = compare(rows, before);
  console.log(`\nRatios beside those of ${relative('', BASELINE)}:\n${lines.join('\n')}\n\n${worse} notably worse`);
  return worse === 0 ? 0 : 1;
}

process.exitCode = main();
