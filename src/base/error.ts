/**
 * The root of every error this package throws or returns. Each layer has one subclass with its own set of codes.
 * `code` is for programs, `message` for people, `details` holds the numbers that the message mentions.
 */
export abstract class IbcmError<Code extends string = string, Details extends object = object> extends Error {
  readonly code: Code;
  readonly details: Readonly<Details>;

  constructor(code: Code, message: string, details: Details, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** Our own fault: a state that the design says cannot be reached. */
export class AssertionError extends IbcmError<'ASSERTION'> {
  constructor(message: string, details: object = {}) {
    super('ASSERTION', message, details);
  }
}

/** @throws {@link AssertionError} when `condition` is false. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
