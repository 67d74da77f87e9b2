import zlib from 'node:zlib';
import {
  AddressSyntaxError,
  type CaGuid,
  formatAddress,
  type Gid,
  gidEquals,
  isIpv4Gid,
  parseGid,
  type Random,
} from '../base/index.js';
import { ChannelAdapter } from '../ca/index.js';
import type { CepLimits } from '../cep/index.js';
import { Adapter, EndpointError, type EndpointEvent } from '../endpoint/index.js';
import { TransportLayer, type TransportLimits } from '../transport/index.js';
import type { QueuePairLimits } from '../verbs/index.js';
import type { Crc32 } from '../wire/index.js';
import { caGuidOf } from './ca-guid.js';
import { PortDriver } from './driver.js';
import { IoError } from './error.js';
import type { RocePort } from './port.js';
import { lookUpAny } from './resolve.js';
import { SecureRandom } from './secure-random.js';
import { type SocketOptions, UdpPort } from './udp-port.js';

export interface OpenAdapterOptions extends SocketOptions {
  /**
   * An IPv4 or IPv6 address of this machine, or a name that has one; or several of them, each a port of the adapter. They are what peers see, so no
   * wildcards.
   */
  readonly address: string | readonly string[];
  /** EUI-64 that names this adapter to its peers. Default: derived from the first address, and so the same after a restart. */
  readonly caGuid?: bigint;
  /** What the connection manager, the table of queue pairs and the transport may hold; see `CepLimits`, `QueuePairLimits` and `TransportLimits`. */
  readonly limits?: Partial<CepLimits & QueuePairLimits & TransportLimits>;
  /** `ignore` accepts packets with a wrong ICRC, from peers whose platform cannot compute it. Default `verify`. */
  readonly icrc?: 'verify' | 'ignore';
  /** Sees every event of every connection and listener. */
  readonly onEvent?: (event: EndpointEvent) => void;
  /** Told once what this machine does not let us do right. Default: a process warning. */
  readonly onWarning?: (warning: string) => void;
  /** Puts something between the adapter and each of its ports: a capture tap, a fault injector. */
  readonly wrapPort?: (port: RocePort) => RocePort;
}

/** Node has it since 20.15 and 22.2. */
const { crc32 } = zlib as { readonly crc32?: Crc32 };
const CA_GUID_MAX = 2n ** 64n - 1n;

/**
 * Opens an adapter on one or more addresses of this machine: binds UDP port 4791 there. Close it, or the process does not end.
 * @throws {@link IoError} `PORT_IN_USE`, `ADDRESS_NOT_LOCAL`, `NAME_NOT_FOUND`, `SOCKET`; EndpointError `INVALID_ARGUMENT`; CepError `INVALID_PARAMETER` for
 * a limit that is out of its range.
 */
export async function openAdapter(options: OpenAdapterOptions): Promise<Adapter> {
  const { address, caGuid, onEvent, wrapPort, sockets, segmentation, busyPoll } = options;
  if (caGuid !== undefined && (typeof caGuid !== 'bigint' || caGuid < 1n || caGuid > CA_GUID_MAX)) {
    const message = `caGuid is ${String(caGuid)}; it must be a bigint from 1 to 2^64 - 1`;
    throw new EndpointError('INVALID_ARGUMENT', message, { name: 'caGuid', value: caGuid });
  }
  const gids = await localGids(address);
  const onWarning = once(options.onWarning ?? ((warning) => process.emitWarning(warning, { type: 'IbcmWarning' })));
  const opened: UdpPort[] = [];
  try {
    for (const gid of gids)
      opened.push(
        await UdpPort.open({
          gid,
          onWarning,
          ...(sockets && { sockets }),
          ...(segmentation !== undefined && { segmentation }),
          ...(busyPoll !== undefined && { busyPoll }),
        }),
      );
    const random = new SecureRandom();
    const adapter = makeAdapter(options, gids, random);
    const ports = wrapPort ? opened.map(wrapPort) : opened;
    const { limits } = options;
    return new Adapter(new PortDriver(adapter, ...ports), {
      random,
      ...(limits && { limits }),
      ...(onEvent && { onEvent }),
    });
  } catch (error) {
    // An address that is taken, bad limits, or a wrapper that fails: nothing may stay open.
    await Promise.all(opened.map((port) => port.close()));
    throw error;
  }
}

/** The first of equal warnings, of which each port has its own. */
function once(onWarning: (warning: string) => void): (warning: string) => void {
  const told = new Set<string>();
  return (warning) => {
    if (told.has(warning)) return;
    told.add(warning);
    onWarning(warning);
  };
}

function makeAdapter(
  { caGuid, limits, icrc }: OpenAdapterOptions,
  gids: readonly [Gid, ...Gid[]],
  random: Random,
): ChannelAdapter {
  return new ChannelAdapter({
    caGuid: (caGuid ?? caGuidOf(gids[0])) as CaGuid,
    random,
    ports: gids.map((gid) => ({ gid })),
    transport: new TransportLayer({ random, ...(limits && { limits }), ...(crc32 && { crc32 }) }),
    ...(crc32 && { crc32 }),
    ...(limits && { limits }),
    ...(icrc && { icrc }),
  });
}

/** @throws EndpointError `INVALID_ARGUMENT` if there is none, or one twice; IoError. */
async function localGids(address: string | readonly string[]): Promise<readonly [Gid, ...Gid[]]> {
  const [first, ...others] = typeof address === 'string' ? [address] : address;
  if (first === undefined) {
    throw new EndpointError('INVALID_ARGUMENT', 'address is empty; an adapter has at least one', { name: 'address' });
  }
  const gids: [Gid, ...Gid[]] = [await localGid(first)];
  for (const each of others) {
    const gid = await localGid(each);
    if (gids.some((other) => gidEquals(other, 0, gid, 0))) {
      const message = `address has ${formatAddress(gid)} twice; each port has an address of its own`;
      throw new EndpointError('INVALID_ARGUMENT', message, { name: 'address', value: each });
    }
    gids.push(gid);
  }
  return gids;
}

async function localGid(address: string): Promise<Gid> {
  const gid = await gidOf(address);
  const kind = wrongKind(gid);
  if (kind !== undefined) {
    throw new IoError(
      'ADDRESS_NOT_LOCAL',
      `${address} ${kind}; RDMA peers must know the one address of this adapter: name it`,
      { address },
    );
  }
  return gid;
}

async function gidOf(address: string): Promise<Gid> {
  try {
    return parseGid(address);
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error;
    return parseGid((await lookUpAny(address)).address);
  }
}

/** What is wrong with an address that can be bound, or nearly, but not be anybody's own. */
function wrongKind(gid: Gid): string | undefined {
  const v4 = isIpv4Gid(gid);
  const first = v4 ? gid.subarray(12) : gid;
  if (first.every((octet) => octet === 0)) return 'stands for all addresses';
  if (v4 && first.every((octet) => octet === 0xff)) return 'is the broadcast address';
  if (v4 ? ((first[0] as number) & 0xf0) === 0xe0 : first[0] === 0xff) return 'is a multicast address';
  if (!v4 && first[0] === 0xfe && ((first[1] as number) & 0xc0) === 0x80)
    return 'is a link-local address, whose zone does not fit into a GID';
  return undefined;
}
