import { PORT_SPACES } from '../wire/index.js';

/** A service ID for people: `tcp:7471` if it is a port of rdma_cm's, `-` if it is 0. @param text "0x" and 16 digits. */
export function serviceText(text: string): string {
  const serviceId = BigInt(text);
  if (serviceId === 0n) return '-';
  const space = Object.entries(PORT_SPACES).find(([, number]) => BigInt(number) === serviceId >> 16n);
  return space === undefined ? text : `${space[0]}:${serviceId & 0xffffn}`;
}
