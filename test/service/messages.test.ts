import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EndpointError } from '../../src/endpoint/index.js';
import { failureOf } from '../../src/service/failure.js';
import { CLIENT_MESSAGE, SERVER_MESSAGE } from '../../src/service/grpc/codec.js';
import type { ClientMessage, ServerMessage } from '../../src/service/messages.js';

const ROOT = new URL('../../', import.meta.url);
const file = (path: string): string => fileURLToPath(new URL(path, ROOT));

test('the types of messages are those of the published messages', () => {
  const made = execFileSync(process.execPath, [file('scripts/service-messages.js'), '--print'], { encoding: 'utf8' });
  const kept = readFileSync(file('src/service/messages.ts'), 'utf8');
  // The formatter breaks long lines.
  const joined = (text: string): string => text.replace(/\s+/g, ' ');
  expect(joined(kept)).toBe(joined(made));
});

test('values of all kinds come back as they were, 64 bits and all', () => {
  const message: ClientMessage = {
    callId: 2 ** 53 - 1,
    deadlineMs: 2 ** 32 - 1,
    body: 'compareSwap',
    compareSwap: { handle: 7, at: { address: 2n ** 64n - 1n, rkey: 0 }, compare: 0n, swap: 2n ** 63n },
  };
  expect(CLIENT_MESSAGE.decode(CLIENT_MESSAGE.encode(message))).toEqual(message);
  const answer: ServerMessage = {
    body: 'answer',
    answer: {
      callId: 1,
      result: 'error',
      error: {
        name: 'X',
        code: 'Y',
        message: '',
        details: [
          { name: 'a', value: 'number', number: -0.5 },
          { name: 'b', value: 'flag', flag: false },
          { name: 'c', value: 'bytes', bytes: Uint8Array.of(0, 255) },
        ],
      },
    },
  };
  expect(SERVER_MESSAGE.decode(SERVER_MESSAGE.encode(answer))).toEqual(answer);
});

test.each([
  ['a word that is too large', { port: 2 ** 32 }],
  ['a word that is negative', { port: -1 }],
  ['a text that is none', { host: 5 as unknown as string }],
  ['bytes that are none', { privateData: 'abc' as unknown as Uint8Array }],
])('what does not fit is refused, and nothing is cut off: %s', (_, wrong) => {
  const connect = { host: 'x', port: 1, ...wrong };
  expect(() => CLIENT_MESSAGE.encode({ callId: 1, body: 'connect', connect })).toThrow(/must be/);
});

test('a message that must be there and is not, and bytes that are no message, are refused', () => {
  const bytes = CLIENT_MESSAGE.encode({ callId: 1, body: 'write', write: { handle: 1 } as never });
  expect(() => CLIENT_MESSAGE.decode(bytes)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  expect(() => CLIENT_MESSAGE.decode(Buffer.of(0xff, 0xff, 0xff))).toThrow(
    expect.objectContaining({ code: 'PROTOCOL' }),
  );
});

test('who keeps a field of a message keeps no more of it', () => {
  const connect = { host: 'x', port: 1, privateData: Uint8Array.of(1, 2, 3) };
  const bytes = CLIENT_MESSAGE.encode({ callId: 1, body: 'connect', connect });
  // A field that there is not, of 1 MiB.
  const filling = Buffer.concat([Buffer.of(0x7a, 0x80, 0x80, 0x40), Buffer.alloc(2 ** 20)]);
  const { privateData } = CLIENT_MESSAGE.decode(Buffer.concat([bytes, filling])).connect ?? {};
  expect(privateData).toEqual(Uint8Array.of(1, 2, 3));
  expect(privateData?.buffer.byteLength).toBeLessThan(2 ** 16);
});

test('texts are short: a long one is refused, and an error that repeats one is cut', () => {
  const of = (host: string): Buffer =>
    CLIENT_MESSAGE.encode({ callId: 1, body: 'connect', connect: { host, port: 1 } });
  expect(CLIENT_MESSAGE.decode(of('x'.repeat(4_096))).connect?.host.length).toBe(4_096);
  expect(() => CLIENT_MESSAGE.decode(of('x'.repeat(4_097)))).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  const host = 'ü'.repeat(4_096);
  const failure = failureOf(new EndpointError('INVALID_ARGUMENT', `from is ${host}`, { from: host }));
  const error = { callId: 1, result: 'error', error: failure } as const;
  const { answer } = SERVER_MESSAGE.decode(SERVER_MESSAGE.encode({ body: 'answer', answer: error }));
  expect(answer?.error?.message).toBe(`from is ${'ü'.repeat(4_087)}…`);
  expect(failureOf(new Error(host)).message.length).toBe(4_096);
});
