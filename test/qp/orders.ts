import { AssertionError, IbcmError } from '../../src/base/index.js';
import type { CepManager, EventType } from '../../src/cep/index.js';
import type { ConnectedQueuePair, ConnectionRequest } from '../../src/qp/index.js';
import { MAD_BYTES } from '../../src/wire/index.js';
import type { Side } from '../cep/pair.js';
import { type End, peerOf, World } from './world.js';

/** Every order of a few steps, of the messages that they lead to, of polls and timers; what has been reached before is not gone on from again. */

/** Something that a consumer does, once, when the others and the network let it. */
export interface Step {
  readonly name: string;
  readonly isPossible?: (play: Play) => boolean;
  /** What it throws, if it is an error with a type, is the caller's business. */
  readonly run: (play: Play) => void;
}

export interface Scenario {
  readonly steps: readonly Step[];
  readonly prepare?: (play: Play) => void;
  /** Timers that may expire before the end, when everything does. */
  readonly timeouts?: number;
  /** Messages that the network may lose; then the two sides need not agree. */
  readonly losses?: number;
}

export interface Exploration {
  readonly states: number;
  /** The first thing that was wrong, and what led to it. */
  readonly wrong: string | undefined;
  /** Typed errors that calls ended with. */
  readonly refusals: ReadonlySet<string>;
  /** What queue pairs were told. */
  readonly told: ReadonlySet<EventType>;
}

/** One order, as far as it has come. */
export class Play {
  readonly world = new World();
  readonly client = this.world.client.create('client');
  readonly server = this.world.server.create('server');
  request: ConnectionRequest | undefined;
  readonly done = new Set<string>();
  readonly refusals = new Set<string>();
  timeouts: number;
  losses: number;

  constructor({ prepare, timeouts = 0, losses = 0 }: Scenario) {
    this.timeouts = timeouts;
    this.losses = losses;
    prepare?.(this);
    this.world.pair.collect();
  }

  get now(): typeof this.world.now {
    return this.world.now;
  }
}

const NETWORK: readonly Step[] = [
  ...(['client', 'server'] as const).flatMap((name): Step[] => [
    {
      name: `poll ${name}`,
      isPossible: ({ world }) => hasNews(world[name]),
      run: ({ world }) => {
        while (world[name].cm.poll(world.now));
      },
    },
    {
      name: `message from ${name}`,
      isPossible: ({ world }) => oldest(world, name) >= 0,
      run: ({ world }) => {
        const [flight] = world.pair.wire.splice(oldest(world, name), 1);
        if (flight) world.pair.deliver(flight);
      },
    },
  ]),
  {
    name: 'loss',
    isPossible: ({ world, losses }) => losses > 0 && world.pair.wire.length > 0,
    run: (play) => {
      play.losses -= 1;
      play.world.pair.wire.shift();
    },
  },
  {
    name: 'timer',
    isPossible: ({ timeouts }) => timeouts > 0,
    run: (play) => {
      if (play.world.pair.advance()) play.timeouts -= 1;
    },
  },
];

function hasNews({ side, ledger }: End): boolean {
  return side.manager.usage().events > 0 || ledger.report().some(({ holders }) => holders.length === 0);
}

function oldest({ pair }: World, name: 'client' | 'server'): number {
  return pair.wire.findIndex(({ from }) => from === pair[name]);
}

export function explore(scenario: Scenario, maxStates = 5000): Exploration {
  const steps = [...scenario.steps, ...NETWORK];
  const seen = new Set<string>();
  const names = new Map<string, number>();
  const refusals = new Set<string>();
  const told = new Set<EventType>();
  const open: number[][] = [[]];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const play = new Play(scenario);
    const order = path.map((step) => steps[step]?.name).join(', ');
    try {
      for (const step of path) take(play, steps[step] as Step);
      for (const refusal of play.refusals) refusals.add(refusal);
      const image = imageOf(play, names);
      if (seen.has(image)) continue;
      seen.add(image);
      if (seen.size > maxStates) throw new Error(`more than ${maxStates} states`);
      const next = steps.flatMap((step, number) => (isPossible(play, step) ? [number] : []));
      const wrong = [...contradictions(play), ...ending(play, scenario)];
      if (wrong.length > 0) throw new Error(wrong.join('; '));
      for (const step of next) open.push([...path, step]);
    } catch (error) {
      return { states: seen.size, wrong: `${String(error)}, after ${order}`, refusals, told };
    }
    for (const end of play.world.ends) for (const { type } of end.told) told.add(type);
  }
  return { states: seen.size, wrong: undefined, refusals, told };
}

function isPossible(play: Play, { name, isPossible: may = () => true }: Step): boolean {
  return !play.done.has(name) && may(play);
}

function take(play: Play, step: Step): void {
  if (!NETWORK.includes(step)) play.done.add(step.name);
  try {
    step.run(play);
  } catch (error) {
    if (!(error instanceof IbcmError) || error instanceof AssertionError) throw error;
    play.refusals.add(`${step.name}: ${error.code}`);
  }
  play.world.pair.collect();
}

/** What can be wrong at any moment. */
function contradictions({ world }: Play): string[] {
  return world.ends.flatMap(({ side, queuePairs }) => {
    const wrong: string[] = [];
    const live = queuePairs.filter(({ destroyed }) => !destroyed).length;
    if (side.manager.usage().cidSlots > live) wrong.push('a CEP is bound to a queue pair that was destroyed (R7)');
    const numbers = qpnsOf(side.manager);
    if (new Set(numbers).size < numbers.length) wrong.push('two connections use one queue pair (R3)');
    return wrong;
  });
}

function qpnsOf(manager: CepManager): number[] {
  const inspector = manager.inspect();
  const numbers: number[] = [];
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (inspector.moveTo(slot) && inspector.localQpn !== 0 && inspector.state !== 'IDLE')
      numbers.push(inspector.localQpn);
  }
  return numbers;
}

/** Lets everything happen that is under way: then the two sides agree, and nothing is half done. Then everything goes, and nothing is left. */
function ending(play: Play, { losses }: Scenario): string[] {
  const { world, request } = play;
  if (request?.over === false) request.reject({}, play.now);
  world.settle();
  const wrong = world.ends.flatMap((end, index) =>
    end.queuePairs.flatMap((queuePair) =>
      disagreements(queuePair, end, world.ends[1 - index] as End, losses === undefined),
    ),
  );
  for (const { told } of world.ends) {
    for (const { name, type, failure } of told) if (failure) wrong.push(`${name} could not follow ${type}: ${failure}`);
  }
  return [...wrong, ...world.leftovers()];
}

function disagreements(queuePair: ConnectedQueuePair<string>, end: End, other: End, lossless: boolean): string[] {
  const { destroyed, state, connectionState, context: name, qpn } = queuePair;
  if (destroyed || end.cm.closed) return [];
  if (connectionState === undefined) return state === 'RESET' ? [] : [`${name} has no connection and is in ${state}`];
  if (connectionState !== 'ESTABLISHED' || state !== 'RTS') return [`${name} stays in ${state}, ${connectionState}`];
  const peer = other.queuePairs.find((each) => each.qpn === peerOf(queuePair));
  if (!lossless) return [];
  if (peer?.connectionState !== 'ESTABLISHED') return [`${name} is connected, and its peer is not`];
  return peerOf(peer) === qpn ? [] : [`${name} is connected, and its peer with another`];
}

function imageOf({ world, done, request, timeouts, losses }: Play, names: Map<string, number>): string {
  const name = (bytes: Uint8Array, at: number, length: number): number => {
    // All but the transaction ID of a message.
    const from = length === MAD_BYTES ? at + 16 : at;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, at + length - from).toString('latin1');
    const known = names.get(text) ?? names.size + 1;
    names.set(text, known);
    return known;
  };
  const sideImage = ({ manager }: Side): string => manager.inspect().image(world.now, name);
  return JSON.stringify([
    [...done].sort(),
    request === undefined ? 0 : request.over,
    timeouts,
    losses,
    world.pair.wire.map(({ from, bytes }) => [from === world.pair.client, name(bytes, 0, bytes.length)]),
    world.ends.map(({ side, cm, ledger, queuePairs, gone }) => [
      sideImage(side),
      cm.size,
      cm.closed,
      ledger.report(),
      gone,
      queuePairs.map(({ state, connectionState }) => [state, connectionState]),
    ]),
  ]);
}
