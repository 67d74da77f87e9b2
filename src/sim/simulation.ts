import { type Instant, NEVER } from '../base/index.js';
import type { ChannelAdapter } from '../ca/index.js';
import { checkCounters, checkFlows, checkLeftovers } from './accounts.js';
import { checkAgreement } from './agreement.js';
import { Fabric } from './fabric.js';
import { describeFault, type TimedFault, type TransmissionFaults } from './faults.js';
import { forge } from './forge.js';
import { InvariantChecker } from './invariants.js';
import { drawScript } from './script.js';
import type { SimSettings } from './settings.js';
import { Attempt } from './side.js';
import { type MakeAdapter, SimAdapter } from './sim-adapter.js';
import { streamOf } from './streams.js';
import type { Trace } from './trace.js';
import { ACTIONS, ENTRY, World } from './world.js';

/** An attempt whose adapter is away is put off. */
const AWAY_RETRY_US = 50_000;
/** How often what is established at rest is disconnected before that counts as not coming to rest. */
const FINAL_ROUNDS = 4;

export interface SimulationParts {
  readonly seed: number;
  readonly settings: SimSettings;
  readonly transmissionFaults: TransmissionFaults;
  readonly timedFaults: readonly TimedFault[];
  /** Numbers of the attempts to be made. */
  readonly attempts: readonly number[];
  readonly makeAdapter: MakeAdapter;
  readonly trace?: Trace | undefined;
}

/**
 * One run in virtual time: a phase of faults, then a healed network in which everything must come to rest. The adapters are the real
 * ones; this is their driver. A run throws a `ViolationError` when an invariant does not hold.
 */
export class Simulation {
  readonly world: World;
  readonly #parts: SimulationParts;
  readonly #adapters: readonly SimAdapter[];
  readonly #fabric: Fabric;
  readonly #checker: InvariantChecker;
  steps = 0;

  constructor(parts: SimulationParts) {
    const { seed, settings, trace, makeAdapter } = parts;
    this.#parts = parts;
    const world = new World(seed, settings, trace);
    this.world = world;
    trace?.follow(world);
    this.#adapters = Array.from(
      { length: settings.adapters },
      (_, number) => new SimAdapter(world, number, makeAdapter),
    );
    this.#fabric = new Fabric(world, this.#adapters, parts.transmissionFaults);
    this.#checker = new InvariantChecker(world);
    for (const number of parts.attempts) {
      const script = drawScript(seed, settings, number);
      world.attempts[number] = new Attempt(number, script);
      world.at(script.startAt, ENTRY.start, number);
    }
    parts.timedFaults.forEach((fault, index) => {
      world.at(fault.at, ENTRY.faultBegins, index);
      if ('until' in fault) world.at(fault.until, ENTRY.faultEnds, index);
    });
  }

  /** Runs from beginning to end. */
  run(): void {
    const { world } = this;
    const end = world.settings.faultPhaseMs * 1_000;
    this.#runUntilRest();
    // Nothing happened so late that the network was not whole yet: then its healing is what comes now.
    world.now = Math.max(world.now, end) as Instant;
    checkAgreement(world);
    checkFlows(world);
    world.isFinal = true;
    for (let round = 0; this.#disconnectAll(round === 0); round += 1) {
      if (round === FINAL_ROUNDS) world.fail('rest', 'connections are still established after the final disconnects');
      this.#runUntilRest();
    }
    this.#checkSides();
    this.#close();
  }

  #runUntilRest(): void {
    const { world } = this;
    const latest = Math.max(world.now, world.settings.faultPhaseMs * 1_000) + world.settings.restMs * 1_000;
    for (;;) {
      const { next } = world.ahead;
      let adapter: SimAdapter | undefined;
      let time: Instant = next;
      for (const each of this.#adapters) {
        if (each.wakeAt >= time) continue;
        time = each.wakeAt;
        adapter = each;
      }
      if (time === NEVER) break;
      if (time > latest) world.fail('rest', `something is still to happen at ${(time / 1_000).toFixed(0)} ms`);
      world.now = Math.max(world.now, time) as Instant;
      if (adapter === undefined) this.#happen(world.ahead.take());
      else this.#wake(adapter);
    }
    for (const each of this.#adapters) if (each.ca !== undefined) this.#checker.checkAll(each);
  }

  #wake(adapter: SimAdapter): void {
    adapter.ca?.handleTimeout(this.world.now);
    this.#settle(adapter);
  }

  #happen(entry: number): void {
    const { world } = this;
    const number = World.numberOf(entry);
    switch (World.kindOf(entry)) {
      case ENTRY.arrival: {
        const adapter = this.#fabric.arrive(number);
        if (adapter !== undefined) this.#settle(adapter);
        return;
      }
      case ENTRY.start:
        this.#start(number, false);
        return;
      case ENTRY.cross:
        this.#start(number, true);
        return;
      case ENTRY.action: {
        const side = world.sides[Math.floor(number / ACTIONS.length)];
        const action = ACTIONS[number % ACTIONS.length];
        if (side === undefined || action === undefined || side.phase === 'gone') return;
        side.consumer.act(side, action);
        this.#settle(side.consumer.adapter);
        return;
      }
      case ENTRY.faultBegins:
        this.#beginFault(number);
        return;
      default:
        this.#endFault(number);
    }
  }

  /** Begins an attempt; or, peer to peer, the other half of one. */
  #start(number: number, isCrossing: boolean): void {
    const attempt = this.world.attempts[number];
    if (attempt === undefined) return;
    const { from, to, active, passive } = attempt.script;
    const adapter = this.#adapters[isCrossing ? to : from] as SimAdapter;
    if (adapter.ca === undefined) {
      this.world.at(this.world.now + AWAY_RETRY_US, isCrossing ? ENTRY.cross : ENTRY.start, number);
      return;
    }
    adapter.consumers[isCrossing ? passive.owner : active.owner]?.start(attempt, isCrossing);
    this.#settle(adapter);
  }

  /** After every input of an adapter: its consumers' turn, then what it sends, then the invariants. */
  #settle(adapter: SimAdapter): void {
    const { ca } = adapter;
    if (ca === undefined) return;
    // A consumer's answer may be what another one waits for.
    for (let busy = true; busy && adapter.inspector.events > 0; ) {
      busy = false;
      for (const consumer of adapter.consumers) if (consumer.poll()) busy = true;
    }
    if (ca.transport !== undefined) this.#settleData(adapter);
    if (adapter.stalls === 0) this.#fabric.drain(adapter, ca);
    adapter.wakeAt = ca.nextTimeout();
    adapter.steps += 1;
    this.steps += 1;
    if (this.world.isTight) this.#noteOverflow(adapter, ca);
    if (adapter.steps % this.world.settings.checkEvery === 0) this.#checker.check(adapter);
  }

  /** What data has come, and what the consumers do then. */
  #settleData(adapter: SimAdapter): void {
    adapter.pollTransport();
    for (const consumer of adapter.consumers) {
      consumer.data?.watch();
      consumer.poll();
    }
  }

  /** Where limits are tight, a manager may lose messages itself: nobody can tell which, so every attempt of it is excused. */
  #noteOverflow(adapter: SimAdapter, { cep }: ChannelAdapter): void {
    const { noBuffers, transmitQueueFull } = cep.counters.drops;
    if (noBuffers + transmitQueueFull === adapter.overflows) return;
    adapter.overflows = noBuffers + transmitQueueFull;
    if (this.world.isFinal) this.world.hasOverflowed = true;
    this.#excuseAttemptsOf(adapter.number);
  }

  #excuseAttemptsOf(adapter: number): void {
    for (const attempt of this.world.attempts) {
      if (attempt && (attempt.script.from === adapter || attempt.script.to === adapter)) attempt.hasLosses = true;
    }
  }

  // ---- timed faults

  #beginFault(index: number): void {
    const { world } = this;
    const fault = this.#parts.timedFaults[index];
    if (fault === undefined) return;
    world.trace?.fault(describeFault(fault, world.settings));
    switch (fault.kind) {
      case 'partition':
        this.#fabric.cut(fault.from, fault.to, 1);
        return;
      case 'portDown':
        this.#fabric.takeDown(fault.port, 1);
        return;
      case 'crash': {
        const adapter = this.#adapters[fault.adapter] as SimAdapter;
        if (adapter.ca === undefined) return;
        this.#checker.checkAll(adapter);
        // What waits to be sent is counted, and was not taken yet.
        if (adapter.stalls === 0) checkCounters(world, adapter, adapter.ca);
        // Its peers cannot know.
        this.#excuseAttemptsOf(fault.adapter);
        adapter.crash();
        return;
      }
      case 'sleep': {
        const consumer = this.#adapters[fault.adapter]?.consumers[fault.owner];
        if (consumer) consumer.sleepers += 1;
        this.#sleepers.set(index, consumer);
        return;
      }
      case 'stall':
        (this.#adapters[fault.adapter] as SimAdapter).stalls += 1;
        return;
      case 'misuse': {
        const adapter = this.#adapters[fault.adapter];
        const consumer = adapter?.consumers[fault.owner];
        if (adapter === undefined || consumer === undefined) return;
        consumer.misuse(streamOf(world.seed, 'misuse', fault.n));
        this.#settle(adapter);
        return;
      }
      case 'forge': {
        const adapter = this.#adapters[fault.adapter] as SimAdapter;
        forge(world, adapter, streamOf(world.seed, 'forgeries', fault.n));
        this.#settle(adapter);
      }
    }
  }

  /** Whom each sleep has put to sleep: a consumer that crashed meanwhile is another one afterwards. */
  readonly #sleepers = new Map<number, SimAdapter['consumers'][number] | undefined>();

  #endFault(index: number): void {
    const fault = this.#parts.timedFaults[index];
    switch (fault?.kind) {
      case 'partition':
        this.#fabric.cut(fault.from, fault.to, -1);
        return;
      case 'portDown':
        this.#fabric.takeDown(fault.port, -1);
        return;
      case 'crash': {
        const adapter = this.#adapters[fault.adapter] as SimAdapter;
        // Two crashes may overlap: it comes back when the first of them is over.
        if (adapter.ca === undefined) adapter.start();
        return;
      }
      case 'stall': {
        const adapter = this.#adapters[fault.adapter] as SimAdapter;
        adapter.stalls -= 1;
        this.#settle(adapter);
        return;
      }
      case 'sleep': {
        const consumer = this.#sleepers.get(index);
        if (consumer === undefined) return;
        consumer.sleepers -= 1;
        if (consumer.adapter.consumers.includes(consumer)) this.#settle(consumer.adapter);
        return;
      }
      default:
        return;
    }
  }

  // ---- the end

  /**
   * Disconnects all that is established: at first from one side only, so that DREQs do not always cross; what is still
   * established after that has no peer. @returns whether anything was.
   */
  #disconnectAll(fromOneSide: boolean): boolean {
    let any = false;
    for (const side of this.world.sides) {
      if (side.phase !== 'established') continue;
      any = true;
      const isFirst = side.attempt.number % 2 === 0 ? side.role === 'active' : side.role === 'passive';
      if (fromOneSide && !isFirst) continue;
      side.consumer.disconnect(side);
      this.#settle(side.consumer.adapter);
    }
    return any;
  }

  /** Every attempt has come to an end that its consumers know of. */
  #checkSides(): void {
    const { world } = this;
    for (const side of world.sides) {
      if (side.phase === 'gone' || side.phase === 'over') continue;
      const { inspector } = side.consumer.adapter;
      const state = inspector.find(side.cid) ? inspector.state : 'no state';
      world.fail('rest', `the ${side.role} side's CEP is in ${state}, and its consumer was told no end`, side);
    }
  }

  #close(): void {
    const world: World = this.world;
    for (const adapter of this.#adapters) {
      for (const consumer of adapter.consumers) consumer.close();
    }
    for (const adapter of this.#adapters) {
      if (adapter.ca === undefined) continue;
      this.#fabric.drain(adapter, adapter.ca);
      adapter.wakeAt = adapter.ca.nextTimeout();
    }
    for (const adapter of this.#adapters) adapter.consumers = [];
    this.#runUntilRest();
    for (const adapter of this.#adapters) {
      if (adapter.ca === undefined) world.fail('rest', `adapter ${adapter.number} is away for ever`);
      checkCounters(world, adapter, adapter.ca);
      checkLeftovers(world, adapter, adapter.ca);
    }
    checkFlows(world);
    if (this.#fabric.inFlight !== 0) world.fail('rest', `${this.#fabric.inFlight} packets are still on their way`);
  }
}
