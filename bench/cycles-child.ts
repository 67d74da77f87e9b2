import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('cycles-peer.js', import.meta.url));

/** A process of its own that accepts connections and echoes datagrams; see cycles-peer.ts. */
export class PeerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(...args: readonly string[]): Promise<PeerProcess> {
    const child = fork(PROGRAM, args);
    await once(child, 'message');
    return new PeerProcess(child);
  }

  /** The processor time that it has used, in microseconds. */
  async used(): Promise<number> {
    const answer = once(this.#child, 'message');
    this.#child.send('used');
    return (await answer)[0] as number;
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.send('stop');
    await gone;
  }
}
