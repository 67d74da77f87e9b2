import type { SeededRandom } from '../base/index.js';
import { below, between, chance, streamOf } from './streams.js';

export const INTERFACE_KINDS = ['cep', 'cm', 'queue-pairs'] as const;
export type InterfaceKind = (typeof INTERFACE_KINDS)[number];
/** What all consumers of a run use: one of them; each another one; or queue pairs that also move data. */
export type InterfaceSetting = InterfaceKind | 'mixed' | 'data';

/** What a simulation is made of. Rates are probabilities per transmission, the numbers of timed faults are means per run. */
export interface SimSettings {
  readonly adapters: number;
  /** Ports of each adapter, 1 or 2: the first has an IPv4 address, the second an IPv6 address. */
  readonly ports: number;
  /** Owners of each adapter's CEP manager; each listens for one service. */
  readonly owners: number;
  /** Connections that are attempted. */
  readonly connections: number;
  /** For how long connections begin and faults happen; after it the network is healed. */
  readonly faultPhaseMs: number;
  /** Within how long after it everything must have come to rest. */
  readonly restMs: number;
  /** Each link's latency is drawn up to this. */
  readonly latencyUs: number;
  /** By how much each packet's latency varies. */
  readonly jitterUs: number;
  /** How late a delayed packet comes at most. It must stay below the packet life time, or timewait promises nothing. */
  readonly delayMs: number;
  /** Whether packets (BTH to ICRC) travel, or MADs alone, which is faster. */
  readonly fabric: 'packet' | 'mad';
  /** How many steps pass from one check of an adapter's invariants to the next. */
  readonly checkEvery: number;
  /** Whether consumers listen for the plain service only, or for all kinds of `services.ts`. */
  readonly services: 'plain' | 'all';
  /** What consumers use: CEPs by the manager's own interface, IDs by the CM-only interface, queue pairs that the CM leads, with data or without, or each another one. */
  readonly interface: InterfaceSetting;
  /** Limits of each CEP manager (CEPs beside its listeners), and of each listener. Some seeds draw them so low that they are reached. */
  readonly maxCeps: number;
  readonly maxMads: number;
  readonly maxTransmits: number;
  readonly backlog: number;
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  readonly delay: number;
  readonly corruption: number;
  readonly partitions: number;
  readonly portFailures: number;
  readonly crashes: number;
  readonly slowConsumers: number;
  /** Drivers that send nothing for a while. */
  readonly stalls: number;
  readonly misuses: number;
  /** Messages of an attacker who knows nearly everything. */
  readonly forgeries: number;
}

export const FAULT_SETTINGS = [
  'loss',
  'duplication',
  'reordering',
  'delay',
  'corruption',
  'partitions',
  'portFailures',
  'crashes',
  'slowConsumers',
  'stalls',
  'misuses',
  'forgeries',
] as const satisfies readonly (keyof SimSettings)[];
export type FaultSetting = (typeof FAULT_SETTINGS)[number];

/** Enough for everything at once, and small enough that making an adapter costs little. */
const AMPLE = { maxCeps: 192, maxMads: 96, maxTransmits: 48, backlog: 64 };

/** The defaults; of a fault's rate, the greatest that a seed draws. */
export const DEFAULT_SETTINGS: SimSettings = {
  adapters: 3,
  ports: 2,
  owners: 2,
  connections: 200,
  faultPhaseMs: 20_000,
  restMs: 120_000,
  latencyUs: 200,
  jitterUs: 50,
  delayMs: 60,
  fabric: 'packet',
  checkEvery: 1,
  services: 'all',
  interface: 'cep',
  ...AMPLE,
  loss: 0.05,
  duplication: 0.05,
  reordering: 0.05,
  delay: 0.02,
  corruption: 0.02,
  partitions: 3,
  portFailures: 2,
  crashes: 2,
  slowConsumers: 3,
  stalls: 40,
  misuses: 20,
  forgeries: 20,
};

/** Packets are the default; this share of the seeds lets MADs travel, for speed. */
const MAD_SHARE = 0.75;
/** Seeds in which consumers listen for the plain service only. */
const PLAIN_SHARE = 0.5;
/** Seeds in which each limit is low, by itself, in half of the cases. */
const TIGHT_SHARE = 1 / 6;
const TIGHTEST = { maxCeps: 4, maxMads: 4, maxTransmits: 1, backlog: 0 };
const TIGHT = { maxCeps: 20, maxMads: 12, maxTransmits: 3, backlog: 2 };

/** Seeds in which nothing fails: there both sides must agree without any excuse. */
const FAULTLESS_SHARE = 1 / 8;

/**
 * The settings of a seed. What is not fixed is drawn, each fault by itself and every other one absent: combinations that
 * fixed rates would never give come up ("swarm testing", Groce et al.).
 */
export function settingsOf(seed: number, fixed: Partial<SimSettings> = {}): SimSettings {
  const random = streamOf(seed, 'settings');
  const faultless = chance(random, FAULTLESS_SHARE);
  const fabric = chance(random, MAD_SHARE) ? 'mad' : 'packet';
  const services = chance(random, PLAIN_SHARE) ? 'plain' : 'all';
  const limits = drawLimits(random);
  const rates: Partial<Record<FaultSetting, number>> = {};
  for (const fault of FAULT_SETTINGS) {
    const absent = chance(random, 0.5);
    const rate = between(random, 0, DEFAULT_SETTINGS[fault]);
    rates[fault] = absent || faultless ? 0 : rate;
  }
  // Data travels in packets only.
  const packets = fixed.interface === 'data' ? ({ fabric: 'packet' } as const) : {};
  return { ...DEFAULT_SETTINGS, fabric, services, ...limits, ...rates, ...fixed, ...packets };
}

function drawLimits(random: SeededRandom): Partial<SimSettings> {
  const isTight = chance(random, TIGHT_SHARE);
  const limits: Partial<Record<keyof typeof AMPLE, number>> = {};
  for (const name of LIMITS) {
    const isLow = chance(random, 0.5);
    const low = TIGHTEST[name] + below(random, TIGHT[name] - TIGHTEST[name] + 1);
    if (isTight && isLow) limits[name] = low;
  }
  return limits;
}

/** Whether a limit is so low that calls fail because of it. */
export function isTight(settings: SimSettings): boolean {
  return LIMITS.some((name) => settings[name] < AMPLE[name]);
}
const LIMITS = Object.keys(AMPLE) as (keyof typeof AMPLE)[];
