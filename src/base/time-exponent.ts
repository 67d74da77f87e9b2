import type { Brand } from './brand.js';
import type { Duration } from './time.js';

/**
 * The CM's way to write a time on the wire: a 5-bit exponent n that stands for 4.096 µs × 2ⁿ
 * (IBTA 12.7.19 and others). 14 is 67 ms, 16 is 268 ms, 20 is 4.29 s, 24 is 68.7 s, 31 is 2.4 h.
 */
export type TimeExponent = Brand<number, 'TimeExponent'>;

export const TIME_EXPONENT_MAX = 31 as TimeExponent;
const UNIT_MICROSECONDS = 4.096;
const DURATIONS = Float64Array.from(
  { length: TIME_EXPONENT_MAX + 1 },
  (_, exponent) => UNIT_MICROSECONDS * 2 ** exponent,
);

/** The time that an exponent stands for, exactly (Linux approximates it by 2^(n−8) ms). */
export function durationOfExponent(exponent: TimeExponent): Duration {
  return DURATIONS[exponent] as Duration;
}

/** The smallest exponent whose time is at least `duration`; 31 for anything longer than it can say. */
export function exponentAtLeast(duration: Duration): TimeExponent {
  let exponent = 0;
  while (exponent < TIME_EXPONENT_MAX && UNIT_MICROSECONDS * 2 ** exponent < duration) exponent += 1;
  return exponent as TimeExponent;
}

/**
 * The local ACK timeout of a path, from the CA's ACK delay and the packet life time, all as exponents:
 * about 2 × packet life + ACK delay, folded as Linux folds it (IBTA 12.7.34).
 */
export function localAckTimeout(caAckDelay: TimeExponent, packetLife: TimeExponent): TimeExponent {
  const twice = packetLife + 1;
  const folded =
    twice >= caAckDelay ? twice + (caAckDelay >= twice - 1 ? 1 : 0) : caAckDelay + (twice >= caAckDelay - 1 ? 1 : 0);
  return Math.min(TIME_EXPONENT_MAX, folded) as TimeExponent;
}
