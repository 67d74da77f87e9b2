import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { InsideOptions } from './inside.js';
import type { Row } from './row.js';

/** The scripts of test/interop/lab, from where this file lies compiled. */
const SCRIPTS = fileURLToPath(new URL('../../test/interop/lab/', import.meta.url));
const INSIDE = fileURLToPath(new URL('inside.js', import.meta.url));

/** Where images and packages are kept. */
export const CACHE = process.env['LAB'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ibcm-lab');

/** What is missing on this machine, in words; undefined if nothing is. */
export function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root, for a network namespace';
  if (!existsSync('/dev/net/tun')) return 'it needs /dev/net/tun';
  const programs = ['qemu-system-x86_64', 'busybox', 'ip', 'gcc', 'apt-get', 'dpkg-deb', 'flock'];
  const missing = programs.filter((program) => !isInstalled(program));
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined;
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A lab of our own: a network namespace whose name no other has. */
export class Lab {
  readonly name = `ibcm-lab-${process.pid}`;
  #child: ChildProcess | undefined;

  #run(script: string, words: readonly string[], environment: Record<string, string> = {}): string {
    return run(script, words, { LAB_NAME: this.name, ...environment });
  }

  /** Takes down what runs were killed left behind. */
  static cleanUpAbandoned(): void {
    run('clean-up.sh', ['--abandoned'], {});
  }

  /** Makes what is missing. @returns the kernel's version. */
  buildImage(series: string): string {
    return lastLine(this.#run('build-image.sh', [series]));
  }

  /** @returns where the program is. */
  buildPeer(): string {
    return lastLine(this.#run('build-peer.sh', []));
  }

  boot(kernel: string, mtu: number): void {
    const state = join(CACHE, 'state', this.name);
    mkdirSync(state, { recursive: true });
    // By this, a later run sees whether we are still there.
    writeFileSync(join(state, 'owner'), `${process.pid} ${beginOfProcess(process.pid)}\n`);
    process.env['LAB_NAME'] = this.name;
    bootGuest(kernel, mtu);
  }

  /** Takes everything down. Harmless if nothing is up. */
  cleanUp(): void {
    this.#child?.kill('SIGKILL');
    this.#run('clean-up.sh', []);
  }

  /** Runs the scenarios within the lab's namespace. */
  async runInside(options: InsideOptions, onRow: (row: Row) => void): Promise<void> {
    const words = ['netns', 'exec', this.name, process.execPath, INSIDE, JSON.stringify(options)];
    const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => onRow(JSON.parse(line) as Row));
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    this.#child = undefined;
    if (status !== 0) throw new Error(`the run in the lab ended with status ${status}`);
  }
}

/** Boots the guest of the lab that the environment names. */
export function bootGuest(kernel: string, mtu: number): void {
  run('boot-guest.sh', [kernel], { MTU: String(mtu) });
}

/** Stops it at once, as a crash does. */
export function stopGuest(): void {
  run('stop-guest.sh', [], {});
}

function run(script: string, words: readonly string[], environment: Record<string, string>): string {
  try {
    const env = { ...process.env, LAB: CACHE, ...environment };
    return execFileSync(join(SCRIPTS, script), words, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`${script}: ${lastLine(stderr) || (error as Error).message}`, { cause: error });
  }
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

/** When a process began, in the kernel's ticks: with its number it names the process for ever. */
function beginOfProcess(pid: number): string {
  // The second field, the name, may hold spaces: "node" does not.
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21] as string;
}
