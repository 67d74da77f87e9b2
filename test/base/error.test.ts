import { expect, test } from 'vitest';
import { AddressSyntaxError, AssertionError, assert, IbcmError } from '../../src/base/index.js';

class LinkError extends IbcmError<'LINK_DOWN', { port: number }> {}

test('an error has a code for programs, a message for people and the numbers that the message mentions', () => {
  const error = new LinkError('LINK_DOWN', 'port 2 is down', { port: 2 });
  expect(error).toBeInstanceOf(Error);
  expect(error).toBeInstanceOf(IbcmError);
  expect(error.code).toBe('LINK_DOWN');
  expect(error.message).toBe('port 2 is down');
  expect(error.details.port).toBe(2);
});

test('an error is named for its class', () => {
  expect(new LinkError('LINK_DOWN', 'down', { port: 1 }).name).toBe('LinkError');
  expect(String(new AddressSyntaxError('x'))).toBe('AddressSyntaxError: "x" is not an IPv4 or IPv6 address');
});

test('an error keeps its cause', () => {
  const cause = new Error('EIO');
  expect(new LinkError('LINK_DOWN', 'down', { port: 1 }, { cause }).cause).toBe(cause);
  expect(Object.hasOwn(new LinkError('LINK_DOWN', 'down', { port: 1 }), 'cause')).toBe(false);
});

test('an assertion passes over what is true and throws what it expected otherwise', () => {
  assert(true, 'one is one');
  expect(() => assert(false, 'one is two')).toThrow(AssertionError);
  expect(() => assert(false, 'one is two')).toThrow('one is two');
});
