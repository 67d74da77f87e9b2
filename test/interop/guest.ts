import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type PeerLine, parsePeerLine } from './peer-line.js';
import { Log, WAIT_SECONDS, within } from './waiting.js';

/** Where the guest takes commands, within the lab's network namespace; lab/settings.sh and lab/guest-exec have the other end. */
const CONTROL_PORT = 7701;

export interface Finished {
  readonly status: number;
  readonly output: string;
}

/** Commands for the guest. */
export class Guest {
  /** Runs a bash script to its end. */
  async run(script: string, seconds = WAIT_SECONDS): Promise<Finished> {
    const command = new GuestCommand(script);
    return within(seconds, `in the guest: ${script.slice(0, 100)}`, command.finished);
  }

  /** Runs it, and fails if it does. */
  async must(script: string, seconds = WAIT_SECONDS): Promise<string> {
    const { status, output } = await this.run(script, seconds);
    if (status !== 0) throw new Error(`in the guest: ${script.slice(0, 100)}: status ${status}: ${output}`);
    return output;
  }

  /** Starts a program, which goes on. */
  start(program: string): GuestCommand {
    return new GuestCommand(`echo "@@pid=$$"; exec ${program}`);
  }

  /** Copies a program into the guest, to /usr/bin. */
  async install(name: string, bytes: Uint8Array): Promise<void> {
    const base64 = Buffer.from(bytes).toString('base64');
    // A command line has its limits; the script itself has none but that of one argument.
    const pieces = base64.match(/.{1,60000}/g) ?? [];
    for (const [index, piece] of pieces.entries()) {
      await this.must(`echo ${piece} ${index === 0 ? '>' : '>>'}/tmp/${name}.base64`);
    }
    await this.must(`base64 -di /tmp/${name}.base64 >/usr/bin/${name} && chmod 755 /usr/bin/${name}`);
  }
}

/** A script that runs in the guest, and what it prints. */
export class GuestCommand {
  readonly finished: Promise<Finished>;
  /** Lines of rdma-peer. */
  readonly events = new Log<PeerLine>('rdma-peer', ({ event, status }) =>
    status === 0 ? event : `${event} ${status}`,
  );
  readonly #socket: Socket;
  readonly #pid: Promise<number>;
  #ended = false;

  constructor(script: string) {
    this.#socket = connect(CONTROL_PORT, '127.0.0.1');
    this.#socket.write(`${Buffer.from(script).toString('base64')}\n`);
    let tellPid: (pid: number) => void = () => undefined;
    this.#pid = new Promise((resolve) => {
      tellPid = resolve;
    });
    const lines: string[] = [];
    this.finished = new Promise((resolve) => {
      const lost = (): void => resolve({ status: 255, output: lines.join('\n') });
      // The guest may reboot.
      this.#socket.on('error', lost);
      createInterface({ input: this.#socket })
        .on('line', (line) => {
          const [, status] = /^@@status=(\d+)$/.exec(line) ?? [];
          const [, pid] = /^@@pid=(\d+)$/.exec(line) ?? [];
          if (status !== undefined) resolve({ status: Number(status), output: lines.join('\n') });
          else if (pid !== undefined) tellPid(Number(pid));
          else this.#take(line, lines);
        })
        .on('error', lost)
        .on('close', lost);
    });
    this.finished.then(
      () => this.#end(),
      () => this.#end(),
    );
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sends the program a signal. */
  async signal(guest: Guest, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void> {
    const pid = await within(60, 'the pid of a program in the guest', this.#pid);
    await guest.run(`kill -${signal} ${pid}`);
  }

  /** Ends the program at once. */
  async kill(guest: Guest): Promise<void> {
    await this.signal(guest, 'KILL');
    await within(60, 'the end of a killed program', this.finished);
  }

  /** Waits for an event of rdma-peer. */
  event(name: string, seconds = WAIT_SECONDS): Promise<PeerLine> {
    return this.events.find(name, ({ event }) => event === name, seconds);
  }

  #take(line: string, lines: string[]): void {
    lines.push(line);
    const parsed = parsePeerLine(line);
    if (parsed !== undefined) this.events.add(parsed);
  }

  #end(): void {
    this.#ended = true;
    this.events.close();
    this.#socket.destroy();
  }
}
