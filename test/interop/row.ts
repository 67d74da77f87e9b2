import type { Scenario } from './scenario.js';
import type { Family, Role } from './stage.js';

export type Result = 'pass' | 'fail' | 'skip';

/** What came of one scenario with one kernel, one address family and one MTU. */
export interface Row {
  readonly scenario: string;
  /** The kernel's series, such as 6.12. */
  readonly kernel: string;
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

/** Everything that is to be run with one kernel and MTU. @param only parts of names; none means all. */
export function casesFor(scenarios: readonly Scenario[], mtu: number, only: readonly string[]): Case[] {
  return scenarios
    .filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)))
    .filter(({ largeMtu }) => mtu === MTUS[0] || largeMtu === true)
    .flatMap((scenario) => (scenario.families ?? ['IPv4']).map((family) => ({ scenario, family, mtu })));
}
