export * from './channel-adapter.js';
export type { Driver } from './driver.js';
