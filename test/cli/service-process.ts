import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { IBCM, Program, type Result } from './program.js';

/** Services as processes, and commands that find them. */

/** A line of a service's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** What was made by this file. Tests that run at once share what is registered for one of them, so no test removes. */
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder of a test's own. It is removed when the file's tests are over. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ibcm-serve-'));
  folders.push(folder);
  return folder;
}

/** What keeps a command away from whatever else runs on this machine. */
const SEPARATE = { IBCM_CONFIG: '', IBCM_SOCKET: '', XDG_RUNTIME_DIR: '', NOTIFY_SOCKET: '' };

/** A running `ibcm serve`. Its log goes to the lines of a program. */
export class ServiceProcess {
  readonly program: Program;
  readonly socket: string;

  private constructor(program: Program, socket: string) {
    this.program = program;
    this.socket = socket;
  }

  /** Starts a service, and waits until it serves. @param flags besides its socket. */
  static async start(
    flags: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    socket = join(freshFolder(), 'ibcm.sock'),
  ): Promise<ServiceProcess> {
    const args = [IBCM, 'serve', '--socket', socket, ...flags];
    // The log goes to the error output; what is waited for are lines of the other.
    const program = new Program('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', process.execPath, ...args], {
      ...SEPARATE,
      ...environment,
    });
    await program.line(/"msg":"serving"/);
    return new ServiceProcess(program, socket);
  }

  /** The log so far. */
  get log(): readonly LogLine[] {
    return this.program.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
  }

  /** The first line of the log with a message, when it has come. */
  async logged(message: string): Promise<LogLine> {
    return JSON.parse(await this.program.line(new RegExp(`"msg":"${message}`))) as LogLine;
  }

  /** Starts a command that finds this service. */
  start(...args: readonly string[]): Program {
    return new Program(process.execPath, [IBCM, ...args], { ...SEPARATE, IBCM_SOCKET: this.socket });
  }

  /** Runs a command that finds this service, to its end. */
  run(...args: readonly string[]): Promise<Result> {
    return this.start(...args).ended;
  }

  /** What a command says in JSON, a value a line. */
  async ask<Value>(...args: readonly string[]): Promise<Value[]> {
    const { lines, stderr, status } = await this.run(...args, '--json');
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    return lines.map((line) => JSON.parse(line) as Value);
  }

  /** Ends it, and waits until it has. */
  async stop(): Promise<Result> {
    this.program.kill('SIGTERM');
    return this.program.ended;
  }
}
