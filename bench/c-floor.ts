import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../bench/floor/floor.c', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../floor', import.meta.url));

/** What a connection costs, in microseconds. */
export interface CycleCost {
  /** Of processor time. */
  readonly processor: number;
  /** Of time. */
  readonly elapsed: number;
}

/** The same five datagrams in plain C. */
export class CFloor {
  /** Compiles it. @throws Error that says why it cannot be */
  constructor() {
    mkdirSync(fileURLToPath(new URL('..', import.meta.url)), { recursive: true });
    const { error, status, stderr } = spawnSync('cc', ['-O2', '-o', PROGRAM, SOURCE], { encoding: 'utf8' });
    if (error) throw new Error(`no C compiler: ${error.message}`);
    if (status !== 0) throw new Error(`the C compiler failed: ${stderr}`);
  }

  run(cycles: number): CycleCost {
    const { status, stdout, stderr } = spawnSync(PROGRAM, [String(cycles)], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the floor failed: ${stderr}`);
    const [processor = 0, elapsed = 0] = stdout.split(' ').map((nanoseconds) => Number(nanoseconds) / 1_000);
    return { processor, elapsed };
  }
}
