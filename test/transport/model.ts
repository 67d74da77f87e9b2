import { type Random, SeededRandom, uniform } from '../../src/base/index.js';
import { FLOW_OPERATIONS_MAX, Flow, type FlowEnd } from '../../src/sim/data/flow.js';
import { OwnReceives } from '../../src/sim/data/receives.js';
import { type ConnectOptions, connect, Fabric, type Queues } from './fabric.js';

/** How bad the network is: chances in a thousand, and delays in microseconds. */
export interface Faults {
  readonly loss: number;
  readonly duplication: number;
  readonly corruption: number;
  /** Packets are late by up to this, each by another time: they overtake each other. */
  readonly delay: number;
}

export interface ModelOptions extends ConnectOptions {
  readonly seed: number;
  readonly operations: number;
  readonly faults: Faults;
  readonly pairs?: number;
  /** Bytes of a long message. */
  readonly longest?: number;
  /** Whether receives are posted late: senders find the peer not ready. */
  readonly shy?: boolean;
}

const SIZES = { operation: 4_096, target: 2_048, receive: 4_096 };

/** A side's queue pair, as a flow uses it. */
const endOf = ({ side, queues }: Queues): FlowEnd => ({ queues, register: (bytes) => side.register(bytes) });

export interface ModelResult {
  readonly operations: number;
  readonly packets: number;
  readonly retransmitted: number;
  readonly trouble: string[];
}

/** Runs random operations between pairs of queue pairs over a bad network, both ways, against what must come of them. */
export function runModel({
  seed,
  operations,
  faults,
  pairs = 2,
  longest = 3_000,
  shy = false,
  ...options
}: ModelOptions): ModelResult {
  const random = new SeededRandom(seed);
  const fabric = new Fabric({ maxUnackedPackets: 16 });
  disturb(fabric, random, faults);
  const flows: Flow[] = [];
  /** In the same order. */
  const receives: OwnReceives[] = [];
  const polled: { readonly queues: Queues; readonly sending: Flow; readonly receiving: Flow }[] = [];
  for (let i = 0; i < pairs; i += 1) {
    const depth = FLOW_OPERATIONS_MAX;
    const attach = { maxElements: 2, maxSend: depth, maxReceive: depth, signalAll: false };
    const [a, b] = [fabric.a.create('rc', attach), fabric.b.create('rc', attach)];
    connect(a, b, { ackTimeout: 8, minRnrTimer: 5, psn: random.uint32() & 0xff_ffff, ...options });
    const [one, other] = [endOf(a), endOf(b)];
    const [atOne, atOther] = [one, other].map(
      ({ queues, register }) => new OwnReceives(queues, register, SIZES.receive),
    ) as [OwnReceives, OwnReceives];
    const there = new Flow(random, one, other, { receives: atOther, longest, sizes: SIZES });
    const back = new Flow(random, other, one, { receives: atOne, longest, sizes: SIZES });
    flows.push(there, back);
    receives.push(atOther, atOne);
    polled.push({ queues: a, sending: there, receiving: back }, { queues: b, sending: back, receiving: there });
  }
  const poll = (): void => {
    for (const { queues, sending, receiving } of polled) {
      for (let done = queues.completions.poll(); done; done = queues.completions.poll()) {
        if (done.opcode === 'receive' || done.opcode === 'receiveRdmaWithImmediate') receiving.handleReceive(done);
        else sending.handleSend(done);
      }
    }
  };
  const isWrong = (): boolean => flows.some(({ trouble }) => trouble.length > 0);
  let posted = 0;
  while (posted < operations && !isWrong()) {
    for (let i = 0; i < 4; i += 1) {
      const number = uniform(random, flows.length);
      if (uniform(random, 3) > (shy ? 1 : 0)) receives[number]?.post();
      if (flows[number]?.post(fabric.now)) posted += 1;
    }
    if (uniform(random, 2) === 0) {
      fabric.step();
    } else {
      fabric.settle();
      fabric.jump();
    }
    poll();
  }
  for (let i = 0; i < 1_000_000 && !isWrong(); i += 1) {
    for (const each of receives) if (!shy || i % 5 === 0) each.post();
    fabric.settle();
    poll();
    if (!fabric.jump()) break;
  }
  for (const flow of flows) flow.check();
  for (const { layer } of fabric.sides) {
    const { timers, turns } = layer.usage();
    if (timers + turns > 0 && !isWrong()) flows[0]?.trouble.push(`${timers} timers and ${turns} turns are left`);
  }
  const sum = (count: (flow: Fabric['a']) => number): number =>
    fabric.sides.reduce((all, side) => all + count(side), 0);
  return {
    operations: flows.reduce((all, { completed }) => all + completed, 0),
    packets: sum(({ layer }) => layer.counters.packetsSent),
    retransmitted: sum(({ layer }) => layer.counters.retransmitted),
    trouble: flows.flatMap(({ trouble }) => trouble).slice(0, 3),
  };
}

/** Makes a fabric's network bad. */
export function disturb(fabric: Fabric, random: Random, { loss, duplication, corruption, delay }: Faults): void {
  const chance = (perMille: number): boolean => perMille > 0 && uniform(random, 1_000) < perMille;
  const late = (): number => (delay === 0 ? 0 : uniform(random, delay));
  fabric.fate = (bytes) => {
    if (chance(loss)) return [];
    const arriving = { bytes, delay: late() };
    if (chance(corruption)) {
      const damaged = bytes.slice();
      const at = uniform(random, damaged.length);
      damaged[at] = (damaged[at] as number) ^ (1 << uniform(random, 8));
      return [{ bytes: damaged, delay: late() }];
    }
    return chance(duplication) ? [arriving, { bytes, delay: late() * 3 }] : [arriving];
  };
}
