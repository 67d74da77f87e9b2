import type { CaGuid, Gid } from '../base/index.js';
import { AddressSyntaxError, parseGid } from '../base/index.js';
import { ChannelAdapter } from '../ca/index.js';
import type { CepLimits } from '../cep/index.js';
import { Adapter, type EndpointEvent } from '../endpoint/index.js';
import { caGuidOf } from './ca-guid.js';
import { PortDriver } from './driver.js';
import { IoError } from './error.js';
import type { RocePort } from './port.js';
import { lookUpAny } from './resolve.js';
import { SecureRandom } from './secure-random.js';
import { UdpPort } from './udp-port.js';

export interface OpenAdapterOptions {
  /** An IPv4 or IPv6 address of this machine, or a name that has one. It is what peers see, so no wildcard. */
  readonly address: string;
  /** EUI-64 that names this adapter to its peers. Default: derived from the address, and so the same after a restart. */
  readonly caGuid?: bigint;
  /** What the connection manager may hold; see `CepLimits`. */
  readonly limits?: Partial<CepLimits>;
  /** `ignore` accepts packets with a wrong ICRC, from peers whose platform cannot compute it. Default `verify`. */
  readonly icrc?: 'verify' | 'ignore';
  /** Sees every event of every connection and listener. */
  readonly onEvent?: (event: EndpointEvent) => void;
  /** Told once what this machine does not let us do right. Default: a process warning. */
  readonly onWarning?: (warning: string) => void;
  /** Puts something between the adapter and its port: a capture tap, a fault injector. */
  readonly wrapPort?: (port: RocePort) => RocePort;
}

const UNSPECIFIED = new Set(['::', '0.0.0.0']);

/**
 * Opens an adapter on an address of this machine: binds UDP port 4791 there. Close it, or the process does not end.
 * @throws {@link IoError} `PORT_IN_USE`, `ADDRESS_NOT_LOCAL`, `NAME_NOT_FOUND`, `SOCKET`
 */
export async function openAdapter(options: OpenAdapterOptions): Promise<Adapter> {
  const { address, caGuid, limits, icrc, onEvent, wrapPort } = options;
  const gid = await localGid(address);
  const onWarning = options.onWarning ?? ((warning: string) => process.emitWarning(warning, { type: 'IbcmWarning' }));
  const udp = await UdpPort.open({ gid, onWarning });
  const port = wrapPort ? wrapPort(udp) : udp;
  const random = new SecureRandom();
  const adapter = new ChannelAdapter({
    caGuid: (caGuid ?? caGuidOf(gid)) as CaGuid,
    random,
    ports: [{ gid }],
    ...(limits && { limits }),
    ...(icrc && { icrc }),
  });
  return new Adapter(new PortDriver(adapter, port), { random, ...(onEvent && { onEvent }) });
}

async function localGid(address: string): Promise<Gid> {
  if (UNSPECIFIED.has(address)) {
    throw new IoError(
      'ADDRESS_NOT_LOCAL',
      `${address} stands for all addresses; RDMA peers must know one of them: name it`,
      { address },
    );
  }
  try {
    return parseGid(address);
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error;
    return parseGid((await lookUpAny(address)).address);
  }
}
