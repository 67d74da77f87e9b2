/** What `setTimeout` takes at most; given more, it does not wait at all. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Calls once after a time, however long it is. @returns what takes that back. */
export function callAfter(delayMs: number, call: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, TIMER_MS_MAX);
    timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : call()), stepMs);
  };
  wait(delayMs);
  return () => clearTimeout(timer);
}
