import { type CaptureError, CaptureReader, type CaptureRecord } from '../../../src/wire/capture/index.js';

export interface Reading {
  records: CaptureRecord[];
  error: CaptureError | undefined;
  bufferedBytesMax: number;
}

/** Reads a file in chunks of the given lengths, used in turn; each chunk's memory is spoilt once it was polled out. */
export function readAll(file: Uint8Array, chunkLengths: readonly number[] = [file.length]): Reading {
  const reader = new CaptureReader();
  const reading: Reading = { records: [], error: undefined, bufferedBytesMax: 0 };
  const drain = (): void => {
    for (let record = reader.poll(); record !== undefined; record = reader.poll()) {
      reading.records.push({ ...record, data: record.data.slice() });
    }
    reading.bufferedBytesMax = Math.max(reading.bufferedBytesMax, reader.bufferedBytes);
  };
  let position = 0;
  for (let turn = 0; position < file.length; turn += 1) {
    const length = Math.max(1, chunkLengths[turn % chunkLengths.length] ?? 1);
    const chunk = file.slice(position, position + length);
    position += length;
    reader.push(chunk);
    drain();
    chunk.fill(0xee);
  }
  reader.end();
  drain();
  drain();
  reading.error = reader.error;
  return reading;
}
