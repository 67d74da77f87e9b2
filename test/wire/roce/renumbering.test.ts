import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseGid } from '../../../src/base/index.js';
import { Icrc, Renumbering } from '../../../src/wire/index.js';

const ends = {
  source: parseGid('10.0.0.1'),
  sourceOffset: 0,
  destination: parseGid('10.0.0.2'),
  destinationOffset: 0,
  sourcePort: 4791,
};

it('A packet that is renumbered is as one that was sealed for that identification, and back again', () => {
  const renumbering = new Renumbering();
  const packets = fc.uint8Array({ minLength: 16, maxLength: 600 });
  fc.assert(
    fc.property(packets, fc.nat(0xffff), fc.nat(3), (packet, identification, at) => {
      const bytes = new Uint8Array(at + packet.length + 3);
      bytes.set(packet, at);
      const end = at + packet.length;
      const icrc = new Icrc();
      icrc.seal(ends, 0, bytes, at, end);
      const original = bytes.slice();
      const wanted = bytes.slice();
      icrc.seal(ends, identification, wanted, at, end);
      for (let i = 0; i < 2; i += 1) {
        renumbering.apply(bytes, at, end, identification);
        expect(bytes).toEqual(wanted);
        renumbering.apply(bytes, at, end, identification);
        expect(bytes).toEqual(original);
      }
    }),
  );
});
