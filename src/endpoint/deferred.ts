/** A promise, or the signal's reason if that comes first. Nothing is left on the signal in the end. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const result = new Deferred<T>();
  const onAbort = (): void => result.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  promise.then(result.resolve, result.reject);
  try {
    return await result.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A promise with its two ends outside. Settling it twice is harmless. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: Error) => void;

  constructor() {
    let resolve: (value: T) => void = () => undefined;
    let reject: (reason: Error) => void = () => undefined;
    this.promise = new Promise<T>((whenResolved, whenRejected) => {
      resolve = whenResolved;
      reject = whenRejected;
    });
    this.resolve = resolve;
    this.reject = reject;
  }
}
