import { bits, uint } from '../field.js';
import { coverage, named } from '../layout.js';

/** The UDP destination port of RoCEv2 (IBTA A17.3). */
export const ROCE_UDP_PORT = 4791;

/** Base transport header (IBTA 9.2). */
export const BTH_BYTES = 12;
export const BTH = named(
  {
    opcode: uint(0, 8),
    solicitedEvent: bits(1, 0, 1),
    migration: bits(1, 1, 1),
    padCount: bits(1, 2, 2),
    headerVersion: bits(1, 4, 4),
    pKey: uint(2, 16),
    fecn: bits(4, 0, 1),
    becn: bits(4, 1, 1),
    destinationQpn: uint(5, 24),
    ackRequest: bits(8, 0, 1),
    psn: uint(9, 24),
  },
  'bth',
);
coverage(BTH, BTH_BYTES);

/** Datagram extended transport header (IBTA 9.3.3). */
export const DETH_BYTES = 8;
export const DETH = named({ qKey: uint(0, 32), sourceQpn: uint(5, 24) }, 'deth');
coverage(DETH, DETH_BYTES);

/** Invariant CRC, at the end of every packet (IBTA 7.8.1). */
export const ICRC_BYTES = 4;

export const OPCODE_UD_SEND_ONLY = 0x64;
