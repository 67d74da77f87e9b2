export * from './brand.js';
export * from './bytes.js';
export * from './error.js';
export * from './gid.js';
export * from './random.js';
export * from './time.js';
export * from './time-exponent.js';
export * from './timer-wheel.js';
