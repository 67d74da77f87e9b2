/** A promise, or the signal's reason if that comes first: for what cannot be ended, only not waited for any more. */
export function abandoned<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    promise.finally(settled).then(resolve, reject);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
