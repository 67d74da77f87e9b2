import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Log, WAIT_SECONDS, within } from './waiting.js';

const PROGRAM = fileURLToPath(new URL('../../bin/ibcm.js', import.meta.url));

export type OurLine = { readonly event: string } & Readonly<Record<string, unknown>>;

/** The `ibcm` command as a process, which can be killed. */
export class OurProcess {
  readonly lines = new Log<OurLine>('ibcm', ({ event }) => event);
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  #errors = '';

  constructor(words: readonly string[]) {
    this.#child = spawn(process.execPath, [PROGRAM, ...words, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exit = once(this.#child, 'close').then(([status]) => status as number | null);
    const { stdout, stderr } = this.#child;
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.lines.add(JSON.parse(line) as OurLine));
    stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    void this.#exit.then(() => this.lines.close());
  }

  event(name: string, seconds = WAIT_SECONDS): Promise<OurLine> {
    return this.lines.find(name, ({ event }) => event === name, seconds);
  }

  /** Its exit status and what it complained of. */
  async ended(seconds = WAIT_SECONDS): Promise<{ readonly status: number | null; readonly errors: string }> {
    const status = await within(seconds, 'the end of ibcm', this.#exit);
    return { status, errors: this.#errors };
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
