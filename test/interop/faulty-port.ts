import { GSI_QPN, type Random, uniform } from 'ibcm/base';
import type { ReceivedDatagram, RocePort, SentDatagram } from 'ibcm/io';
import { BTH, BTH_BYTES, DETH_BYTES, decodeMad, ICRC_BYTES, type MessageName, opcodeOf } from 'ibcm/wire';
import type { Counts } from './kernel-counters.js';

/** `in`: from Linux to us. */
export type Direction = 'in' | 'out';

/** What becomes of a packet; nothing said, it passes as it is. */
interface Fate {
  /** How often it arrives; default once. */
  readonly copies?: 0 | 2;
  readonly delayMs?: number;
  /** A bit of its private data is turned over, and the ICRC left as it was. */
  readonly corrupt?: boolean;
}

interface Rule {
  readonly direction: Direction;
  readonly message: MessageName;
  readonly fate: Fate;
  /** How many more messages it concerns. */
  left: number;
}

const MAD_OFFSET = BTH_BYTES + DETH_BYTES;
const UNHARMED: Fate = {};
/** Responses to reads and atomics, and acknowledgements: their opcodes are neighbours. */
const FIRST_ANSWER = opcodeOf('rc', 'rdmaReadResponse', 'first');
const LAST_ANSWER = opcodeOf('rc', 'atomicAcknowledge', 'only');

/** A port that loses packets, passes them on twice or late, or damages them. */
export class FaultyPort implements RocePort {
  onDatagram: (datagram: ReceivedDatagram) => void = () => undefined;
  /** What came from Linux, whether or not it was lost then. */
  readonly received: Counts = {};
  /** What went to Linux and should be understood there: lost and damaged messages are not among it. */
  readonly sent: Counts = {};
  /** How many of our packets were damaged. */
  damaged = 0;
  /** How many of Linux' packets were damaged on their way to our adapter. */
  damagedForUs = 0;
  /** How many packets of data, both ways, were lost, passed on twice, or late. */
  readonly disturbedData = { lost: 0, twice: 0, late: 0 };
  readonly #port: RocePort;
  readonly #rules: Rule[] = [];
  readonly #late = new Set<NodeJS.Timeout>();
  /** Messages of ours that wait for one of Linux to cross. */
  #crossing: { readonly message: MessageName; held: SentDatagram[] } | undefined;
  /** What may happen to any packet, message or data. */
  #weather: (() => Fate) | undefined;
  /** What may happen to a packet of data. */
  #dataWeather: (() => Fate) | undefined;
  #onAllArrived: () => void = () => undefined;

  constructor(port: RocePort) {
    this.#port = port;
    port.onDatagram = (datagram) => this.#receive(datagram);
  }

  get gid(): Uint8Array {
    return this.#port.gid;
  }

  /** Loses the next messages of a kind. */
  lose(direction: Direction, message: MessageName, times = Number.POSITIVE_INFINITY): void {
    this.#rules.push({ direction, message, fate: { copies: 0 }, left: times });
  }

  /** Passes the next message of a kind on twice. */
  duplicate(direction: Direction, message: MessageName): void {
    this.#rules.push({ direction, message, fate: { copies: 2 }, left: 1 });
  }

  /** Passes the next message of a kind on late. */
  delay(direction: Direction, message: MessageName, delayMs: number): void {
    this.#rules.push({ direction, message, fate: { delayMs }, left: 1 });
  }

  /** Damages the next message of a kind, so that its ICRC is wrong. */
  corrupt(direction: Direction, message: MessageName): void {
    this.#rules.push({ direction, message, fate: { corrupt: true }, left: 1 });
  }

  /** Holds messages of a kind back until Linux has sent one of the same kind: then the two have crossed. */
  cross(message: MessageName): void {
    this.#crossing = { message, held: [] };
  }

  /** Loses a share of all packets, both ways. */
  loseSome(percent: number, random: Random): void {
    this.#weather = () => (uniform(random, 100) < percent ? { copies: 0 } : UNHARMED);
  }

  /** Delays all packets, both ways, each by a time of its own: they overtake each other. */
  shuffle(maximumMs: number, random: Random): void {
    this.#weather = () => ({ delayMs: uniform(random, maximumMs) });
  }

  /**
   * Loses a share of all packets of data, both ways, passes as many on twice, and as many late, so that others overtake them; but no answer of ours:
   * an acknowledgement that comes before the last response to a read breaks soft-RoCE's queue pairs (docs/interop.md).
   */
  disturbData(percent: number, maximumMs: number, random: Random): void {
    this.#dataWeather = () => {
      const lot = uniform(random, 100);
      if (lot < percent) return { copies: 0 };
      if (lot < 2 * percent) return { copies: 2 };
      return lot < 3 * percent ? { delayMs: 1 + uniform(random, maximumMs) } : UNHARMED;
    };
  }

  /** When everything that is late has arrived. */
  async allArrived(): Promise<void> {
    if (this.#late.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onAllArrived = resolve;
    });
  }

  /** From now on everything passes. */
  heal(): void {
    this.#rules.length = 0;
    this.#weather = undefined;
    this.#dataWeather = undefined;
    this.#release();
  }

  send(datagram: SentDatagram): void {
    const message = messageIn(datagram.bytes);
    if (message !== undefined && message === this.#crossing?.message) {
      this.#crossing.held.push(datagram);
      return;
    }
    this.#pass(this.#fateOf('out', message, datagram.bytes), datagram.bytes, (bytes, corrupt) => {
      if (corrupt) this.damaged += 1;
      else count(this.sent, message);
      this.#port.send({ ...datagram, bytes });
    });
  }

  async prepare(sourcePort: number): Promise<void> {
    await this.#port.prepare?.(sourcePort);
  }

  close(): Promise<void> {
    for (const timer of this.#late) clearTimeout(timer);
    this.#late.clear();
    return this.#port.close();
  }

  #receive(datagram: ReceivedDatagram): void {
    const message = messageIn(datagram.bytes);
    count(this.received, message);
    if (message !== undefined && message === this.#crossing?.message) this.#release();
    this.#pass(this.#fateOf('in', message, datagram.bytes), datagram.bytes, (bytes, corrupt) => {
      if (corrupt) this.damagedForUs += 1;
      this.onDatagram({ ...datagram, bytes });
    });
  }

  #release(): void {
    const held = this.#crossing?.held ?? [];
    this.#crossing = undefined;
    for (const datagram of held) this.send(datagram);
  }

  #pass(fate: Fate, bytes: Uint8Array, pass: (bytes: Uint8Array, corrupt: boolean) => void): void {
    const { copies = 1, delayMs, corrupt = false } = fate;
    for (let left: number = copies; left > 0; left -= 1) {
      const copy = bytes.slice();
      if (corrupt) copy[copy.length - ICRC_BYTES - 1] = (copy[copy.length - ICRC_BYTES - 1] as number) ^ 1;
      if (delayMs === undefined) pass(copy, corrupt);
      else this.#later(delayMs, () => pass(copy, corrupt));
    }
  }

  #later(delayMs: number, pass: () => void): void {
    const timer = setTimeout(() => {
      this.#late.delete(timer);
      pass();
      if (this.#late.size === 0) this.#onAllArrived();
    }, delayMs);
    this.#late.add(timer);
  }

  #fateOf(direction: Direction, message: MessageName | undefined, bytes: Uint8Array): Fate {
    const rule = this.#rules.find((each) => each.direction === direction && each.message === message && each.left > 0);
    if (rule === undefined)
      return message === undefined && this.#dataWeather
        ? this.#fateOfData(direction, bytes)
        : (this.#weather?.() ?? UNHARMED);
    rule.left -= 1;
    return rule.fate;
  }

  #fateOfData(direction: Direction, bytes: Uint8Array): Fate {
    const fate = this.#dataWeather?.() ?? UNHARMED;
    const isLate = fate.delayMs !== undefined;
    if (isLate && direction === 'out' && isAnswer(bytes)) return UNHARMED;
    if (fate.copies === 0) this.disturbedData.lost += 1;
    if (fate.copies === 2) this.disturbedData.twice += 1;
    if (isLate) this.disturbedData.late += 1;
    return fate;
  }
}

function isAnswer(bytes: Uint8Array): boolean {
  const opcode = BTH.opcode.get(bytes, 0);
  return opcode >= FIRST_ANSWER && opcode <= LAST_ANSWER;
}

/** @returns undefined for data. */
function messageIn(bytes: Uint8Array): MessageName | undefined {
  if (BTH.destinationQpn.get(bytes, 0) !== GSI_QPN) return undefined;
  const mad = decodeMad(bytes.subarray(MAD_OFFSET, bytes.length - ICRC_BYTES));
  return mad instanceof Error ? undefined : mad.message;
}

function count(counts: Counts, message: MessageName | undefined): void {
  if (message !== undefined) counts[message] = (counts[message] ?? 0) + 1;
}
