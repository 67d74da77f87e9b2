import { PSN_MAX } from '../../base/index.js';

/** Half of all PSNs: as far as one can be ahead of another (IBTA 9.7.1). */
export const PSN_WINDOW_MAX = 2 ** 23;

/** The PSN `count` after another; `count` may be negative. */
export const psnPlus = (psn: number, count: number): number => (psn + count) & PSN_MAX;

/** How far `psn` is ahead of `base`: from −2²³ to 2²³ − 1, negative if it is behind. */
export const psnDistance = (base: number, psn: number): number => ((psn - base) << 8) >> 8;
