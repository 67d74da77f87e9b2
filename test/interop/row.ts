import type { Scenario } from './scenario.js';
import type { Family, Role } from './stage.js';

export type Result = 'pass' | 'fail' | 'skip';

/** What came of one scenario with one kernel, one address family and one MTU. */
export interface Row {
  readonly scenario: string;
  /** The kernel's series, such as 6.12. */
  readonly kernel: string;
  /** Which of the runs, from 1. */
  readonly run: number;
  /** Its whole version; undefined where it did not run. */
  readonly version?: string;
  /** What Linux was. */
  readonly role: Role | 'both';
  readonly family: Family | 'both';
  readonly mtu: number;
  readonly result: Result;
  readonly seconds?: number;
  /** CM messages that went to Linux and that came from there. */
  readonly sent?: number;
  readonly received?: number;
  readonly error?: string;
  /** Why the first try failed, if this is the second. */
  readonly failedFirst?: string;
  /** Kept when the scenario failed. */
  readonly capture?: string;
}

/** A scenario with all that is chosen for it. */
export interface Case {
  readonly scenario: Scenario;
  readonly family: Family;
  readonly mtu: number;
}

export const MTUS = [1_500, 4_200] as const;

/** Which cases are wanted. */
export interface Choice {
  /** Parts of scenarios' names; none means all. */
  readonly only: readonly string[];
  /** Only those that are quick, and together show everything once. */
  readonly subset: boolean;
}

/** Everything that is to be run with one kernel and MTU, in this order. */
export function casesFor(scenarios: readonly Scenario[], mtu: number, { only, subset }: Choice): Case[] {
  return scenarios
    .filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)))
    .filter(({ largeMtu }) => mtu === MTUS[0] || largeMtu === true)
    .flatMap((scenario) => (scenario.families ?? ['IPv4']).map((family) => ({ scenario, family, mtu })))
    .filter(({ scenario: { inSubset }, family }) => !subset || inSubset === true || inSubset === family);
}
