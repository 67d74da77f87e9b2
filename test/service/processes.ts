import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a daemon says of itself. */
export interface Report {
  readonly wrong: readonly string[];
  readonly clients: readonly { readonly name: string; readonly owns: Record<string, number>; readonly calls: number }[];
  readonly usage: Readonly<Record<string, number>>;
  readonly heapUsed?: number;
  readonly external?: number;
  readonly arrayBuffers?: number;
}

/** A program of `programs/`, by its lines. */
export class LineProcess {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly ended: Promise<unknown>;
  stderr = '';
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  constructor(program: string, ...args: readonly string[]) {
    const file = fileURLToPath(new URL(`programs/${program}.js`, import.meta.url));
    this.child = spawn(process.execPath, ['--expose-gc', file, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line);
      this.#look();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, 'close').then(() => {
      this.#isOver = true;
      this.#look();
    });
  }

  /** The first line from `from` on that is so, when it has come. @throws when the program ends without it. */
  line(isIt: (line: string) => boolean, from = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        const found = this.lines.slice(from).find(isIt);
        if (found !== undefined) resolve(found);
        else if (this.#isOver)
          reject(new Error(`the program has ended: ${this.lines.slice(-3).join('; ')} ${this.stderr}`));
        else return;
        this.#watchers.delete(watch);
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  /** Writes a line, and resolves with the next that comes. */
  async ask(question: string): Promise<Report> {
    const from = this.lines.length;
    this.child.stdin?.write(`${question}\n`);
    return JSON.parse(await this.line(() => true, from)) as Report;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  #look(): void {
    for (const watch of this.#watchers) watch();
  }
}
