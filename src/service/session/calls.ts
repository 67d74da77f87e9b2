import type { Call, CallName, Calls } from './call.js';
import { CM_CALLS } from './cm-calls.js';
import { DATA_CALLS } from './data-calls.js';
import { ENDPOINT_CALLS } from './endpoint-calls.js';
import { QUEUE_PAIR_CALLS } from './queue-pair-calls.js';

/** All that a client can ask for. What is not here cannot be asked for, and does not compile if the published messages have it. */
const CALLS: Calls<CallName> = { ...ENDPOINT_CALLS, ...DATA_CALLS, ...CM_CALLS, ...QUEUE_PAIR_CALLS };

/** @returns undefined if there is no such call. */
export function callNamed(name: string): Call<unknown, unknown> | undefined {
  return Object.hasOwn(CALLS, name) ? (CALLS[name as CallName] as Call<unknown, unknown>) : undefined;
}
