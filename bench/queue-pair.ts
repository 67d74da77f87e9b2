import { type CaGuid, parseGid, type Random, ReferenceLedger } from 'ibcm/base';
import { ChannelAdapter } from 'ibcm/ca';
import {
  type CompletionQueue,
  MEMORY_ACCESS,
  type ProtectionDomain,
  TransportLayer,
  type WorkQueues,
} from 'ibcm/transport';
import { ACCESS, type QueuePair, QueuePairTable } from 'ibcm/verbs';
import { platformCrc } from './platform-crc.js';

const platform = platformCrc === undefined ? {} : { crc32: platformCrc };

export const ACCESS_ALL = MEMORY_ACCESS.localWrite | ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;

/** IBTA's codes of path MTUs. */
export const MTU_CODES = { 1024: 3, 4096: 5 } as const;

/** An adapter with one reliable connected queue pair, which its work requests are posted to. */
export interface QueuePairSide {
  readonly gid: Uint8Array;
  readonly adapter: ChannelAdapter;
  readonly queuePair: QueuePair;
  readonly domain: ProtectionDomain;
  readonly completions: CompletionQueue;
  readonly queues: WorkQueues;
}

/** @param depth requests that either queue holds. */
export function openSide(address: string, random: Random, depth: number): QueuePairSide {
  const gid = parseGid(address);
  const transport = new TransportLayer({ random, ...platform });
  const caGuid = BigInt(random.uint32() + 1) as CaGuid;
  const adapter = new ChannelAdapter({ caGuid, random, ports: [{ gid }], transport, ...platform });
  const queuePair = new QueuePairTable({ random, ledger: new ReferenceLedger() }).create({ transport: 'rc' });
  const domain = transport.allocateProtectionDomain();
  const completions = transport.createCompletionQueue(4 * depth);
  const queues = transport.attach(queuePair, {
    domain,
    sendCompletions: completions,
    maxSend: depth,
    maxReceive: depth,
  });
  return { gid, adapter, queuePair, domain, completions, queues };
}

/** Leads a side's queue pair to RTS, towards the other's. @param mtu IBTA's code. */
export function connectSide(own: QueuePairSide, peer: QueuePairSide, mtu: number): void {
  const path = { port: 1, localGid: own.gid, remoteGid: peer.gid, trafficClass: 0, sourcePort: 0 };
  own.queuePair.modify({ state: 'INIT', pKey: 0xffff, port: 1, accessFlags: ACCESS_ALL & ~MEMORY_ACCESS.localWrite });
  const receiving = { destinationQpn: peer.queuePair.qpn, receivePsn: 0, responderResources: 16 };
  own.queuePair.modify({ state: 'RTR', path, mtu, ...receiving });
  const patience = { ackTimeout: 14, retryCount: 7, rnrRetryCount: 7 };
  own.queuePair.modify({ state: 'RTS', sendPsn: 0, initiatorDepth: 16, ...patience });
}
