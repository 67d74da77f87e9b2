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
