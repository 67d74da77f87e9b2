import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { LineOutput } from '../../src/cli/decode/output.js';

test('lines come out as they were written, however long they are, in whatever script', async () => {
  const stream = new PassThrough({ highWaterMark: 2 ** 24 });
  const output = new LineOutput(stream);
  const lines = ['', 'one', '\u{1f600}é漢'.repeat(20_000), 'x'.repeat(300_000), 'last'];
  for (const line of lines.slice(0, 2)) output.write(line);
  expect(output.full).toBe(false);
  await output.flush();
  for (const line of lines.slice(2)) output.write(line);
  expect(output.full).toBe(true);
  await output.flush();
  expect(output.full).toBe(false);
  stream.end();
  expect(await text(stream)).toBe(lines.map((line) => `${line}\n`).join(''));
});

test('lines are written over only when the stream has taken those before', async () => {
  const taken: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // Slowly: what it was given must still be there.
      setImmediate(() => {
        taken.push(chunk.toString());
        done();
      });
    },
  });
  const output = new LineOutput(stream);
  for (const line of ['one', 'two', 'three']) {
    output.write(line);
    await output.flush();
  }
  expect(taken).toEqual(['one\n', 'two\n', 'three\n']);
});

test('a stream that fails takes no more, and says why', async () => {
  const stream = new PassThrough();
  const output = new LineOutput(stream);
  stream.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
  output.write('line');
  await output.flush();
  expect(output.failure).toMatchObject({ code: 'EPIPE' });
  await output.flush();
});
