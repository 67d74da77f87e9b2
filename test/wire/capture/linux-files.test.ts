import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type CaptureRecord,
  LinkType,
  locateTransport,
  type TransportPacket,
} from '../../../src/wire/capture/index.js';
import { verifyFrameIcrc } from '../../../src/wire/index.js';
import { readAll } from './read-all.js';

/** How many frames each file has, and how many of them are RoCEv2: counted with tshark. */
const FILES: readonly (readonly [file: string, frames: number, rocePackets: number])[] = [
  ['blackhole-REQ-unreachable', 23, 17],
  ['client-killed-in-REQ_SENT', 2, 2],
  ['cmx-basic-private-data', 7, 5],
  ['consumer-reject-private-data', 2, 2],
  ['lost-first-DREP', 9, 9],
  ['lost-first-DREQ', 10, 6],
  ['lost-first-REP', 8, 6],
  ['netem-duplicate', 97, 97],
  ['no-RTU-REP-retransmit', 15, 7],
  ['refused-no-listener', 7, 6],
  ['rping-ipv4', 44, 41],
  ['rping-ipv6', 47, 41],
  ['sidr-reject', 2, 2],
  ['sidr-slow-retransmit', 6, 4],
  ['slow-accept-dup-REQ-MRA', 10, 7],
  ['stale-client-power-cycled', 19, 12],
  ['stale-same-QPN-twice', 9, 7],
  ['ucmatose-1', 45, 45],
  ['udaddy', 70, 66],
];

const bytesOf = (file: string): Uint8Array => readFileSync(new URL(`./files/linux/${file}.pcap`, import.meta.url));

function locateAll(records: readonly CaptureRecord[]): TransportPacket[] {
  return records.flatMap(({ data, linkType }) => {
    const found = locateTransport(data, linkType);
    if (found?.transport === 'undecodable') expect.fail(`undecodable: ${found.reason} in ${found.layer}`);
    return found ?? [];
  });
}

describe('captured traffic of Linux', () => {
  test.each(FILES)('%s has %i frames, of which %i are RoCEv2', (file, frames, rocePackets) => {
    const { records, error } = readAll(bytesOf(file), [1_000]);
    expect(error).toBeUndefined();
    expect(records).toHaveLength(frames);
    for (const { data, linkType, originalLength } of records) {
      expect(linkType).toBe(LinkType.ethernet);
      expect(data).toHaveLength(originalLength);
    }
    const packets = locateAll(records);
    expect(packets).toHaveLength(rocePackets);
    expect(packets.every(({ transport }) => transport === 'rocev2')).toBe(true);
  });

  test('has its times to the microsecond', () => {
    const [first] = readAll(bytesOf('rping-ipv6')).records;
    expect(first?.timestamp).toEqual({ seconds: 1_795_380_861, nanoseconds: 274_085_000 });
  });

  test.each(FILES)(
    '%s has packets whose ICRC is right, so their headers and ends are where they were found',
    (file) => {
      for (const { data, linkType } of readAll(bytesOf(file)).records) {
        const found = locateTransport(data, linkType);
        if (found === undefined || found.transport === 'undecodable') continue;
        expect(verifyFrameIcrc(data, found)).toBe(true);
      }
    },
  );
});
