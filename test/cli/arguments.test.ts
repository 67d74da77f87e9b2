import { describe, expect, test } from 'vitest';
import { formatHostAndPort, integer, parseHostAndPort, parseReason, privateData } from '../../src/cli/arguments.js';
import { digits } from './program.js';

describe('HOST:PORT', () => {
  test.each([
    ['127.0.0.1:7471', '127.0.0.1', 7471],
    ['server.example:1', 'server.example', 1],
    ['[fd00::1]:65535', 'fd00::1', 65_535],
    ['[fe80::1%eth0]:2', 'fe80::1%eth0', 2],
  ])('%s is read, and written the same', (text, host, port) => {
    expect(parseHostAndPort(text)).toEqual({ host, port });
    expect(formatHostAndPort(host, port)).toBe(text);
  });

  test.each(['', 'host', ':1', 'host:', 'fd00::1:7471', '[fd00::1]', '[]:1', 'host:1x', 'host: 1', 'a b:-1'])(
    '%j is refused with an example',
    (text) => {
      expect(() => parseHostAndPort(text)).toThrow(/HOST:PORT; .* \[fd00::1\]:7471/);
    },
  );

  test.each(['host:0', 'host:65536', 'host:99999999999999999999'])('%s is refused with the bounds', (text) => {
    expect(() => parseHostAndPort(text)).toThrow('The port must be a whole number from 1 to 65535.');
  });
});

describe('private data', () => {
  const parse = privateData(56);
  const hexOf = (text: string): string => Buffer.from(parse(text)).toString('hex');

  test.each([
    ['hello', digits('hello')],
    ['', ''],
    ['ü', 'c3bc'],
    ['0x', ''],
    ['0x00fF', '00ff'],
    ['00ff', digits('00ff')],
    ['x'.repeat(56), digits('x'.repeat(56))],
    [`0x${'5a'.repeat(56)}`, '5a'.repeat(56)],
  ])('%j', (text, expected) => {
    expect(hexOf(text)).toBe(expected);
  });

  test.each(['0x1', '0xgg', '0x 1', '0x12345'])('%s is refused', (text) => {
    expect(() => parse(text)).toThrow('even number of hexadecimal digits');
  });

  test.each(['x'.repeat(57), `${'x'.repeat(55)}ü`, `0x${'00'.repeat(57)}`])('%s is too long', (text) => {
    expect(() => parse(text)).toThrow('It has 57 bytes; there is room for 56.');
  });
});

describe('a reject reason', () => {
  test.each([
    ['noResources', 'noResources'],
    ['no-resources', 'noResources'],
    ['NO_RESOURCES', 'noResources'],
    ['no resources', 'noResources'],
    ['3', 3],
    ['65535', 65_535],
  ])('%s', (text, reason) => {
    expect(parseReason(text)).toBe(reason);
  });

  test.each(['0', '65536'])('%s is out of bounds', (text) => {
    expect(() => parseReason(text)).toThrow('A reason must be a whole number from 1 to 65535.');
  });

  test.each(['', 'because', '-3', '3.5', '__proto__'])('%j is refused with the names', (text) => {
    expect(() => parseReason(text)).toThrow(/a number or one of: noQp, .*consumerReject/);
  });
});

describe('a whole number', () => {
  const parse = integer('It', 2, 100);

  test.each([
    ['2', 2],
    ['100', 100],
    ['0x10', 16],
  ])('%s', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  test.each(['', '1', '101', '-5', '2.5', '1e1', ' 2', 'two', 'NaN', 'Infinity'])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow('It must be a whole number from 2 to 100.');
  });
});
