import { bits, uint, uint64 } from './field.js';
import { coverage, named } from './layout.js';

/** A management datagram always has 256 bytes: 24 of header, 232 of the message (IBTA 13.4.2). */
export const MAD_BYTES = 256;
export const MAD_HEADER_BYTES = 24;

/** The Q_Key of QP1, the general services interface (IBTA 3.9.5). */
export const GSI_Q_KEY = 0x8001_0000;

/** The fixed part of the header; a MAD in which one of these differs is not the CM's. */
export const MAD_CONSTANTS = {
  baseVersion: { field: uint(0, 8), value: 1, code: 'WRONG_BASE_VERSION' },
  managementClass: { field: uint(1, 8), value: 0x07, code: 'WRONG_CLASS' },
  classVersion: { field: uint(2, 8), value: 2, code: 'WRONG_CLASS_VERSION' },
  method: { field: bits(3, 0, 8), value: 0x03, code: 'WRONG_METHOD' },
} as const;
/** The four of them in one word, which is faster to read and to write. */
export const CLASS_HEADER = uint(0, 32);
export const CLASS_HEADER_VALUE = Object.values(MAD_CONSTANTS).reduce((word, { value }) => word * 256 + value, 0);

/** The rest of the MAD header (IBTA 13.4.3). The attribute ID is implied by the message. */
export const MAD_HEADER = named(
  {
    status: uint(4, 16),
    classSpecific: uint(6, 16),
    transactionId: uint64(8),
    attributeModifier: uint(20, 32),
  },
  'header',
);

export const ATTRIBUTE_ID = uint(16, 16);

coverage({ ...MAD_HEADER, attributeId: ATTRIBUTE_ID }, MAD_HEADER_BYTES);
