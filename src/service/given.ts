/** An object without the properties that are undefined. */
export type Given<T> = { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] } & {
  [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>;
};

/** What is given of a message's or a caller's options: what is left out and what is undefined mean the same. */
export function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}

/**
 * What is given of a message, as a call's parameters: they have the same names and forms, and whoever is called checks the values, as it does for callers
 * that are not compiled.
 */
export function parametersOf<Parameters>(message: object): Parameters {
  return given(message) as Parameters;
}
