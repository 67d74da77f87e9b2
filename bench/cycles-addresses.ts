/** Addresses of 127/8, all of which Linux has, for what is measured over loopback. */
export const PEER_ADDRESS = '127.0.7.1';
export const CLIENT_ADDRESS = '127.0.7.2';
export const ECHO_ADDRESS = '127.0.7.3';
/** Of node:dgram, beside the RoCEv2 port of the same address. */
export const ECHO_DGRAM_PORT = 4_790;
/** Two for each contender within one process. */
export const localAddress = (index: number): string => `127.0.7.${10 + index}`;
