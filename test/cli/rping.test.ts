import { expect, test } from 'vitest';
import { PLACE_BYTES, type RpingServerConnection, rpingData, serveRping } from '../../src/cli/rping.js';
import { TransferError } from '../../src/endpoint/index.js';

test.each([
  // As rping -v prints them.
  [0, 'rdma-ping-0: ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqr'],
  [1, 'rdma-ping-1: BCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrs'],
  [58, 'rdma-ping-58: ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopq'],
])('The data of round %i is that of rping', (round, text) => {
  expect(new TextDecoder().decode(rpingData(round, 64))).toBe(`${text}\0`);
});

/** A client that wants one round, and disconnects before our last word is acknowledged. */
function clientOfOneRound(lastWord: TransferError): RpingServerConnection {
  const messages = [new Uint8Array(PLACE_BYTES), new Uint8Array(PLACE_BYTES)];
  const words: (TransferError | undefined)[] = [undefined, lastWord];
  return {
    async receive() {
      const data = messages.shift();
      return data && { data, immediate: undefined };
    },
    async read() {},
    async write() {},
    async send() {
      const error = words.shift();
      if (error !== undefined) throw error;
    },
  };
}

test('A client that disconnects before its last acknowledgement has come was served', async () => {
  let rounds = 0;
  const client = clientOfOneRound(new TransferError('send', 'flushed'));
  await serveRping(client, new AbortController().signal, () => {
    rounds += 1;
  });
  expect(rounds).toBe(1);
});

test('A client that never heard the last word was not served', async () => {
  const client = clientOfOneRound(new TransferError('send', 'retryExceeded'));
  const serving = serveRping(client, new AbortController().signal, () => expect.unreachable());
  await expect(serving).rejects.toMatchObject({ code: 'RETRY_EXCEEDED' });
});
