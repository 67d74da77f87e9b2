import { readdirSync } from 'node:fs';
import { formatAddress } from '../base/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { IoError, systemCode } from './error.js';

/** Why a UDP port could not be bound, with what to do about it. */
export function explainBind(error: unknown, gid: Uint8Array, port: number): IoError {
  const address = formatAddress(gid);
  const details = { address, port };
  const cause = { cause: error };
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new IoError('PORT_IN_USE', `UDP port ${port} of ${address} is in use: ${whoOwns(port)}`, details, cause);
    case 'EADDRNOTAVAIL':
      return new IoError(
        'ADDRESS_NOT_LOCAL',
        `this machine does not have the address ${address}: "ip address" shows those it has`,
        details,
        cause,
      );
    default: {
      const words = error instanceof Error ? error.message : String(error);
      return new IoError('SOCKET', `cannot bind UDP port ${port} of ${address}: ${words}`, details, cause);
    }
  }
}

/** How to find out who has a UDP port. */
function whoOwns(port: number): string {
  const look = `find its owner with "ss -ulpn sport = :${port}"`;
  if (port !== ROCE_UDP_PORT) return look;
  const devices = softRoceDevices();
  return devices.length > 0
    ? `the kernel's soft-RoCE probably owns it (${devices.join(', ')}): see "rdma link", remove it with "rdma link delete ${devices[0]}"`
    : `${look}; if no process is shown, it is the kernel's soft-RoCE: see "rdma link"`;
}

/** RDMA devices of the kernel's own soft-RoCE driver, as Linux lists them. */
export function softRoceDevices(): string[] {
  try {
    return readdirSync('/sys/class/infiniband').filter((device) => device.startsWith('rxe'));
  } catch {
    // No such folder: the kernel has no RDMA devices at all.
    return [];
  }
}
