/** Calls a callback of the user's; what it throws is reported as an uncaught exception, as with any event listener. */
export function reported<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return undefined;
  }
}
