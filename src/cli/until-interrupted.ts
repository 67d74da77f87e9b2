import { setTimeout as sleep } from 'node:timers/promises';
import { interruptedStatus } from './session.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const;

/** Works until it is done, or the user wants to stop, or nobody reads the output any more. @returns the status to exit with. */
export async function untilInterrupted(
  work: (signal: AbortSignal, pause: (milliseconds: number) => Promise<void>) => Promise<void>,
): Promise<number> {
  const interrupt = new AbortController();
  const stop = (signal: NodeJS.Signals): void => interrupt.abort(signal);
  for (const signal of SIGNALS) process.on(signal, stop);
  const { signal } = interrupt;
  const pause = (milliseconds: number): Promise<void> =>
    sleep(milliseconds, undefined, { signal }).catch(() => undefined);
  try {
    await work(signal, pause);
  } finally {
    for (const each of SIGNALS) process.off(each, stop);
  }
  return signal.aborted ? interruptedStatus(signal.reason as NodeJS.Signals) : 0;
}
