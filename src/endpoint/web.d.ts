/**
 * The few platform objects that endpoints use, which ES2023 does not have and every platform does. Declared here so that
 * nothing else of a platform (timers, sockets, processes) can be reached from this layer.
 */
interface Event {
  readonly type: string;
}
declare const Event: { prototype: Event; new (type: string): Event };

interface EventTarget {
  addEventListener(
    type: string,
    listener: (event: Event) => void,
    options?: { once?: boolean; signal?: AbortSignal },
  ): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
  dispatchEvent(event: Event): boolean;
}
declare const EventTarget: { prototype: EventTarget; new (): EventTarget };

interface AbortSignal extends EventTarget {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
}

/** For reporting what a callback of the user throws: as if it had been called by the platform itself. */
declare function queueMicrotask(callback: () => void): void;
