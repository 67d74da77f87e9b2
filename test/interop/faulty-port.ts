import { type Random, uniform } from 'ibcm/base';
import type { ReceivedDatagram, RocePort, SentDatagram } from 'ibcm/io';
import { BTH_BYTES, DETH_BYTES, decodeMad, ICRC_BYTES, type MessageName } from 'ibcm/wire';
import type { Counts } from './kernel-counters.js';

/** `in`: from Linux to us. */
export type Direction = 'in' | 'out';

interface Rule {
  readonly direction: Direction;
  readonly message: MessageName;
  readonly copies: 0 | 2;
  /** How many more messages it concerns. */
  left: number;
}

const MAD_OFFSET = BTH_BYTES + DETH_BYTES;

/** A port that loses messages, or passes them on twice. */
export class FaultyPort implements RocePort {
  onDatagram: (datagram: ReceivedDatagram) => void = () => undefined;
  /** What came from Linux, whether or not it was lost then. */
  readonly received: Counts = {};
  /** What went to Linux, lost messages not among it. */
  readonly sent: Counts = {};
  readonly #port: RocePort;
  readonly #rules: Rule[] = [];
  /** Messages of ours that wait for one of Linux to cross. */
  #crossing: { readonly message: MessageName; held: SentDatagram[] } | undefined;
  #loss: { readonly percent: number; readonly random: Random } | undefined;

  constructor(port: RocePort) {
    this.#port = port;
    port.onDatagram = (datagram) => this.#receive(datagram);
  }

  get gid(): Uint8Array {
    return this.#port.gid;
  }

  /** Loses the next messages of a kind. */
  lose(direction: Direction, message: MessageName, times = Number.POSITIVE_INFINITY): void {
    this.#rules.push({ direction, message, copies: 0, left: times });
  }

  /** Passes the next message of a kind on twice. */
  duplicate(direction: Direction, message: MessageName): void {
    this.#rules.push({ direction, message, copies: 2, left: 1 });
  }

  /** Holds messages of a kind back until Linux has sent one of the same kind: then the two have crossed. */
  cross(message: MessageName): void {
    this.#crossing = { message, held: [] };
  }

  /** Loses a share of all messages, both ways. */
  loseSome(percent: number, random: Random): void {
    this.#loss = { percent, random };
  }

  /** From now on everything passes. */
  heal(): void {
    this.#rules.length = 0;
    this.#loss = undefined;
    this.#release();
  }

  send(datagram: SentDatagram): void {
    const message = messageIn(datagram.bytes);
    if (message !== undefined && message === this.#crossing?.message) {
      this.#crossing.held.push(datagram);
      return;
    }
    for (let copies = this.#copies('out', message); copies > 0; copies -= 1) {
      count(this.sent, message);
      this.#port.send({ ...datagram, bytes: datagram.bytes.slice() });
    }
  }

  async prepare(sourcePort: number): Promise<void> {
    await this.#port.prepare?.(sourcePort);
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  #receive(datagram: ReceivedDatagram): void {
    const message = messageIn(datagram.bytes);
    count(this.received, message);
    if (message !== undefined && message === this.#crossing?.message) this.#release();
    for (let copies = this.#copies('in', message); copies > 0; copies -= 1) {
      this.onDatagram({ ...datagram, bytes: datagram.bytes.slice() });
    }
  }

  #release(): void {
    const held = this.#crossing?.held ?? [];
    this.#crossing = undefined;
    for (const datagram of held) this.send(datagram);
  }

  #copies(direction: Direction, message: MessageName | undefined): number {
    const rule = this.#rules.find((each) => each.direction === direction && each.message === message && each.left > 0);
    if (rule !== undefined) {
      rule.left -= 1;
      return rule.copies;
    }
    if (this.#loss !== undefined && uniform(this.#loss.random, 100) < this.#loss.percent) return 0;
    return 1;
  }
}

function messageIn(bytes: Uint8Array): MessageName | undefined {
  const mad = decodeMad(bytes.subarray(MAD_OFFSET, bytes.length - ICRC_BYTES));
  return mad instanceof Error ? undefined : mad.message;
}

function count(counts: Counts, message: MessageName | undefined): void {
  if (message !== undefined) counts[message] = (counts[message] ?? 0) + 1;
}
