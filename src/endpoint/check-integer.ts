import { EndpointError } from './error.js';

/** @throws {@link EndpointError} `INVALID_ARGUMENT` */
export function checkInteger(name: string, value: number, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new EndpointError(
      'INVALID_ARGUMENT',
      `${name} is ${value}; it must be an integer from ${minimum} to ${maximum}`,
      {
        name,
        value,
        minimum,
        maximum,
      },
    );
  }
}
