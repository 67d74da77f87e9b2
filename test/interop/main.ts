import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Lab, whatIsMissing } from './lab.js';
import { casesFor, MTUS, type Row } from './row.js';
import { SCENARIOS } from './scenarios/index.js';
import { merged, writeTable } from './table.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SERIES = ['6.12', '6.1'] as const;
const USAGE = `Usage: npm run test:interop -- [options]

Runs our connection manager against the Linux kernel's, in a guest under qemu. docs/interop.md says what is needed.

  --kernel SERIES  only this kernel: ${SERIES.join(' or ')} (may be repeated)
  --only TEXT      only scenarios whose names contain TEXT (may be repeated)
  --mtu N          only this MTU: ${MTUS.join(' or ')}
  --json FILE      write the rows as JSON
  --keep           keep the captures of what passed, too
  --document FILE  run nothing, but write the table of docs/interop.md from such JSON (may be repeated; of the same case the last counts)
  --list           only say what would be run
  --help           this
`;

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true, default: [...SERIES] },
    only: { type: 'string', multiple: true, default: [] },
    mtu: { type: 'string', multiple: true, default: MTUS.map(String) },
    json: { type: 'string' },
    keep: { type: 'boolean', default: false },
    document: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** What is to be run, boot by boot. */
const boots = values.kernel.flatMap((series) =>
  values.mtu.map((mtu) => ({ series, mtu: Number(mtu), cases: casesFor(SCENARIOS, Number(mtu), values.only) })),
);
const rows: Row[] = [];

if (values.help) print(USAGE);
else if (values.list)
  for (const { cases, series } of boots)
    for (const { scenario, family, mtu } of cases)
      print(`${series} ${scenario.linux} ${family} ${mtu} ${scenario.name}`);
else if (values.document.length > 0) document(values.document);
else process.exitCode = await main();

function document(files: readonly string[]): void {
  const runs = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Row[]);
  writeTable(resolve(ROOT, 'docs/interop.md'), merged(runs));
}

async function main(): Promise<number> {
  const missing = whatIsMissing();
  if (missing !== undefined) {
    print(`the interoperability tests are skipped: ${missing}`);
    for (const boot of boots) skip(boot);
    return finish();
  }
  const lab = new Lab();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      lab.cleanUp();
      process.exit(1);
    });
  }
  Lab.cleanUpAbandoned();
  for (const boot of boots.filter(({ cases }) => cases.length > 0)) {
    try {
      await runBoot(lab, boot);
    } catch (error) {
      const about = { kernel: boot.series, role: 'both', family: 'both', mtu: boot.mtu } as const;
      rows.push({ ...about, scenario: 'the run comes to its end', result: 'fail', error: (error as Error).message });
      print(`fail ${boot.series}: ${(error as Error).message}`);
    } finally {
      lab.cleanUp();
    }
  }
  return finish();
}

type Boot = (typeof boots)[number];

async function runBoot(lab: Lab, boot: Boot): Promise<void> {
  const { series, mtu } = boot;
  let kernel: string;
  let program: string;
  try {
    print(`Linux ${series}: the image is built if it is missing; the first time, about a minute`);
    kernel = lab.buildImage(series);
    program = lab.buildPeer();
    print(`booting Linux ${kernel}, MTU ${mtu}`);
    lab.boot(kernel, mtu);
  } catch (error) {
    print(`Linux ${series} is skipped: ${(error as Error).message}`);
    skip(boot);
    return;
  }
  const folder = resolve(ROOT, 'build/interop-captures');
  mkdirSync(folder, { recursive: true });
  await lab.runInside({ series, kernel, mtu, only: values.only, program, folder, keepCaptures: values.keep }, (row) => {
    rows.push(row);
    const { scenario, role, family, result, seconds, sent, received, error, capture } = row;
    const where = family === 'both' ? '' : `, Linux is ${role}, ${family}`;
    const counts = sent === undefined ? '' : ` (${sent} sent, ${received} received, ${seconds} s)`;
    print(
      `${result} ${series}: ${scenario}${where}${counts}${error === undefined ? '' : `\n     ${error}\n     ${capture ?? ''}`}`,
    );
  });
}

function skip({ series, cases }: Boot): void {
  for (const { scenario, family, mtu } of cases) {
    rows.push({ scenario: scenario.name, kernel: series, role: scenario.linux, family, mtu, result: 'skip' });
  }
}

/** Writes what is asked for. @returns the status to end with. */
function finish(): number {
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  const count = (result: Row['result']): number => rows.filter((row) => row.result === result).length;
  const skipped = count('skip');
  print(`${count('pass')} passed, ${count('fail')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return count('fail') > 0 ? 1 : 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
