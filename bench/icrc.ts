import { parseGid } from 'ibcm/base';
import { Icrc, IDENTIFICATION_UNKNOWN, type RocePath } from 'ibcm/wire';
import { CRC_IPV4, CRC_IPV6, kept, PACKET_BYTES } from './floor.js';
import type { Case } from './main.js';

const between = (source: string, destination: string): RocePath => ({
  source: parseGid(source),
  sourceOffset: 0,
  destination: parseGid(destination),
  destinationOffset: 0,
  sourcePort: 4791,
});
const IPV4 = between('10.0.0.1', '10.0.0.2');
const IPV6 = between('fd00::1', 'fd00::2');

const seal = (name: string, path: RocePath, reference: Case['reference']): Case => {
  const icrc = new Icrc();
  const packet = new Uint8Array(PACKET_BYTES).fill(0x5a);
  return {
    name,
    unit: 'ns',
    reference,
    run: (times) => {
      for (let i = 0; i < times; i += 1) {
        packet[100] = i;
        icrc.seal(path, 0, packet, 0, PACKET_BYTES);
      }
      kept.number = packet[PACKET_BYTES - 1] as number;
    },
  };
};

/** @param sent the identification that the sender used. @param known what the receiver knows of it. */
const verify = (name: string, path: RocePath, sent: number, known: number, reference: Case['reference']): Case => {
  const icrc = new Icrc();
  const packet = new Uint8Array(PACKET_BYTES).fill(0x5a);
  icrc.seal(path, sent, packet, 0, PACKET_BYTES);
  return {
    name,
    unit: 'ns',
    reference,
    run: (times) => {
      let right = 0;
      for (let i = 0; i < times; i += 1) if (icrc.verify(path, known, packet, 0, PACKET_BYTES)) right += 1;
      if (right !== times) throw new Error('an ICRC was not verified');
    },
  };
};

const IDENTIFICATION = 0xb00c;

export const ICRC: readonly Case[] = [
  seal('seal ICRC, IPv4', IPV4, CRC_IPV4),
  verify('verify ICRC, IPv4, identification known', IPV4, IDENTIFICATION, IDENTIFICATION, CRC_IPV4),
  verify('verify ICRC, IPv4, identification unknown', IPV4, IDENTIFICATION, IDENTIFICATION_UNKNOWN, CRC_IPV4),
  seal('seal ICRC, IPv6', IPV6, CRC_IPV6),
  verify('verify ICRC, IPv6', IPV6, 0, IDENTIFICATION_UNKNOWN, CRC_IPV6),
];
