import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const IBCM = fileURLToPath(new URL('../../bin/ibcm.js', import.meta.url));
const SCRIPTED_PEER = fileURLToPath(new URL('./scripted-peer.js', import.meta.url));
export const PORT = 7471;
/** A listener or connector that fails within half a second, and asks thrice. */
export const SHORT = ['--timeout-ms', '500', '--response-timeout-ms', '150'];

export interface Line {
  readonly event: string;
  readonly time: number;
  readonly [field: string]: unknown;
}

export interface Result {
  /** The exit status, or the signal that ended the process. */
  readonly status: number | NodeJS.Signals;
  readonly lines: readonly string[];
  readonly stderr: string;
  readonly milliseconds: number;
}

/** All that were started by this file. Tests that run at once share what is registered for one of them, so no test cleans up. */
const started: Program[] = [];
afterAll(async () => {
  for (const program of started) program.kill('SIGKILL');
  await Promise.all(started.map(({ ended }) => ended));
});

/** A running process. It is killed when the file's tests are over, should it not have ended. */
export class Program {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly ended: Promise<Result>;
  readonly #watchers = new Set<() => void>();
  #over = false;

  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const startedAt = performance.now();
    const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env;
    this.child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, ...environment },
    });
    const stdout = createInterface({ input: this.child.stdout as NodeJS.ReadableStream });
    stdout.on('line', (line) => {
      this.lines.push(line);
      for (const watch of this.#watchers) watch();
    });
    let stderr = '';
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.#over = true;
      for (const watch of this.#watchers) watch();
      const status = (code ?? signal) as number | NodeJS.Signals;
      return { status, lines: this.lines, stderr, milliseconds: performance.now() - startedAt };
    });
    started.push(this);
  }

  /** The first line that matches, when it has come. @throws when the process ends without it. */
  line(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        const found = this.lines.find((line) => pattern.test(line));
        if (found !== undefined) resolve(found);
        else if (this.#over) this.ended.then((result) => reject(without(pattern, result)), reject);
        else return;
        this.#watchers.delete(watch);
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  /** The first JSON line of an event, when it has come. */
  async event(name: string): Promise<Line> {
    return JSON.parse(await this.line(new RegExp(`^{"event":"${name}"`))) as Line;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

const without = (pattern: RegExp, { status, stderr, lines }: Result): Error =>
  new Error(`ended with ${status} and no ${pattern}: ${stderr}${lines.join('\n')}`);

/** Starts `ibcm`. */
export const ibcm = (...args: readonly string[]): Program => new Program(process.execPath, [IBCM, ...args]);

/** Runs `ibcm` to its end. */
export const run = (...args: readonly string[]): Promise<Result> => ibcm(...args).ended;

/** Starts `ibcm listen` and waits until it listens. */
export async function listening(address: string, ...args: readonly string[]): Promise<Program> {
  const listener = ibcm('listen', `${address}:${PORT}`, ...args);
  await listener.line(/\blistening\b/);
  return listener;
}

/** Starts a peer that kills itself when it sees an event, or never answers; see scripted-peer.js. */
export const scriptedPeer = (...args: readonly string[]): Program =>
  new Program(process.execPath, [SCRIPTED_PEER, ...args]);

/** The events in JSON lines, in their order. */
export const eventsOf = (lines: readonly string[]): Line[] => lines.map((line) => JSON.parse(line) as Line);

const ADDRESSES_EACH = 8;
let used = 0;

/**
 * An address of 127/8 that nothing else uses, nor the seven after it: other test files, and other runs of the tests, are
 * other processes.
 */
export function freshAddress(): string {
  const first = 1 + ADDRESSES_EACH * used;
  if (first > 240) throw new Error('this file has no addresses left');
  used += 1;
  // 127.0 and 127.255 are left to others.
  return `127.${1 + ((process.pid >>> 8) % 254)}.${process.pid & 0xff}.${first}`;
}

/** The address after another. */
export const next = (address: string): string => address.replace(/\d+$/, (last) => String(Number(last) + 1));

/** Text as the digits of a private data field. */
export const digits = (text: string): string => Buffer.from(text).toString('hex');
