import { describe, expect, test } from 'vitest';
import { noConnection, noConnectionText } from '../../src/service/grpc/no-connection.js';

/** As gRPC words it. */
const saying = (last: string): string => `No connection established. Last error: ${last}. Resolution note: `;

const OPENSSL =
  '80CCD0841A7F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/openssl/rec_layer_s3.c:1601:SSL alert number 116\n (2026-11-23T13:47:12.532Z)';

describe('why there is no connection', () => {
  test.each([
    ['connect ENOENT /run/ibcm/ibcm.sock', 'nobody'],
    ['connect ECONNREFUSED 127.0.0.1:1', 'nobody'],
    ['connect EACCES /run/ibcm/ibcm.sock', 'there may be opened only by its owner, and by its group if it has one'],
    [
      'self-signed certificate in certificate chain',
      'no connection to there: self-signed certificate in certificate chain',
    ],
  ])('%s', (words, text) => {
    expect(noConnectionText('nobody', 'there', noConnection(saying(`Error: ${words}`)))).toBe(text);
  });

  test("is OpenSSL's reason without its numbers", () => {
    expect(noConnection(saying(OPENSSL))).toEqual({ why: 'other', words: 'tlsv13 alert certificate required' });
  });

  test('may not be known', () => {
    expect(noConnection('Deadline exceeded after 0.1s')).toBeUndefined();
  });
});
