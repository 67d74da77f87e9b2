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
/** Programs of the lab's own, for the guest. */
const PEERS = ['rdma-peer', 'rdma-data-peer'];
/** Longer than any script takes, whose packages may come over a slow line. */
const SCRIPT_TIMEOUT_MS = 400_000;

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
  readonly name: string;
  readonly #children = new Set<ChildProcess>();

  /** @param number tells the labs of this process apart. */
  constructor(number: number) {
    this.name = `ibcm-lab-${process.pid}-${number}`;
  }

  /** Takes down what runs that were killed left behind. */
  static cleanUpAbandoned(): void {
    execFileSync(join(SCRIPTS, 'clean-up.sh'), ['--abandoned'], { env: environmentOf({}) });
  }

  /** Makes what is missing. @returns the kernel's version. */
  async buildImage(series: string): Promise<string> {
    return lastLine(await this.#run('build-image.sh', [series]));
  }

  /** @returns where the guest's programs are, by their names. */
  async buildPeers(): Promise<Readonly<Record<string, string>>> {
    const built: Record<string, string> = {};
    for (const name of PEERS) built[name] = lastLine(await this.#run('build-peer.sh', [name]));
    return built;
  }

  async boot(kernel: string, mtu: number): Promise<void> {
    const state = join(CACHE, 'state', this.name);
    mkdirSync(state, { recursive: true });
    // By this, a later run sees whether we are still there.
    writeFileSync(join(state, 'owner'), `${process.pid} ${beginOfProcess(process.pid)}\n`);
    await this.#run('boot-guest.sh', [kernel], { MTU: String(mtu) });
  }

  /** Takes everything down, at once. Harmless if nothing is up. */
  cleanUp(): void {
    for (const child of this.#children) killGroup(child);
    execFileSync(join(SCRIPTS, 'clean-up.sh'), { env: environmentOf({ LAB_NAME: this.name }) });
  }

  /** Runs the scenarios within the lab's namespace. */
  async runInside(options: InsideOptions, onRow: (row: Row) => void): Promise<void> {
    const words = ['netns', 'exec', this.name, process.execPath, INSIDE, JSON.stringify(options)];
    // It ends when its input does: with us, however we end.
    const env = environmentOf({ LAB_NAME: this.name });
    const child = spawn('ip', words, { detached: true, env, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (line) => onRow(JSON.parse(line) as Row));
    const status = await this.#ended(child);
    if (status !== 0) throw new Error(`the run in the lab ended with status ${status}`);
  }

  #run(script: string, words: readonly string[], environment: Record<string, string> = {}): Promise<string> {
    return runScript(script, words, { LAB_NAME: this.name, ...environment }, (child) => void this.#ended(child));
  }

  /** The child's exit status. Until then, the child is ours to kill. */
  async #ended(child: ChildProcess): Promise<number | null> {
    this.#children.add(child);
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    this.#children.delete(child);
    return status;
  }
}

/** Stops the guest of the lab that the environment names, as a crash does, and boots it again. */
export async function rebootGuest(kernel: string, mtu: number): Promise<void> {
  await runScript('stop-guest.sh', [], {});
  await runScript('boot-guest.sh', [kernel], { MTU: String(mtu) });
}

/** Runs a script of the lab in a process group of its own. @returns what it prints. @throws with the last line of its errors. */
async function runScript(
  script: string,
  words: readonly string[],
  environment: Record<string, string>,
  onChild: (child: ChildProcess) => void = () => undefined,
): Promise<string> {
  const env = environmentOf(environment);
  const child = spawn(join(SCRIPTS, script), words, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  onChild(child);
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const late = setTimeout(() => killGroup(child), SCRIPT_TIMEOUT_MS);
  const status = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  clearTimeout(late);
  if (status !== 0) throw new Error(`${script}: ${lastLine(errors) || `status ${status}`}`);
  return output;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

const environmentOf = (more: Record<string, string>): NodeJS.ProcessEnv => ({ ...process.env, LAB: CACHE, ...more });

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

/** When a process began, in the kernel's ticks: with its number it names the process for ever. */
function beginOfProcess(pid: number): string {
  // The second field, the name, may hold spaces: "node" does not.
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21] as string;
}
