import { elapsed, type Instant, inMilliseconds } from '../../base/index.js';
import { PACKET_DROP_REASONS } from '../../ca/index.js';
import { DROP_REASONS, DURATION_BOUNDS, type State } from '../../cep/index.js';
import type { Adapter } from '../../endpoint/index.js';
import { TRANSPORT_DROP_REASONS } from '../../transport/index.js';
import { MESSAGE_NAMES } from '../../wire/index.js';
import type { ConnectionList } from './connection-list.js';
import type { ClientView, ServiceView } from './view.js';

/** How often one kind of message went over the wire. */
export interface MessageCounts {
  readonly message: string;
  /** Retries included. */
  readonly sent: number;
  readonly retries: number;
  /** Duplicates and dropped ones included. */
  readonly received: number;
  readonly duplicates: number;
}

/** Something dropped, and why. */
export interface DropCount {
  /** Who dropped it: `packet` before anybody looked into it, `cm` the connection manager, `transport` a queue pair. */
  readonly layer: 'packet' | 'cm' | 'transport';
  readonly reason: string;
  /** The reason in words. */
  readonly meaning: string;
  readonly count: number;
}

/** REJs with one reason. */
export interface RejectCount {
  readonly reason: string;
  readonly sent: number;
  readonly received: number;
}

/** How long connections took to be established. */
export interface EstablishingTimes {
  /** Upper bounds in seconds. */
  readonly bounds: readonly number[];
  /** How many fell into each bucket; one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sumSeconds: number;
}

/** What one client has, and has waiting. */
export interface ClientUse extends Pick<ClientView, 'id' | 'name' | 'calls' | 'waiting'> {
  readonly pid?: number;
  /** How long it has been here, in milliseconds. */
  readonly ageMs: number;
  /** How many it owns of each kind. */
  readonly owns: Record<string, number>;
  /** What it has of what is limited, and how much it may have. */
  readonly used: Record<string, number>;
  readonly limits: Record<string, number>;
}

/** What has gone through a service since its start, and what it holds now. */
export interface Statistics {
  readonly states: Record<string, number>;
  readonly messages: readonly MessageCounts[];
  readonly drops: readonly DropCount[];
  readonly rejects: readonly RejectCount[];
  readonly establishing: EstablishingTimes;
  readonly transport: Record<string, number>;
  /** What exists now: buffers, timers, queue pairs and the like. */
  readonly usage: Record<string, number>;
  readonly clients: readonly ClientUse[];
}

/** Where statistics come from. */
export interface StatisticsSources {
  readonly adapter: Pick<Adapter, 'counters' | 'usage' | 'now'>;
  readonly connections: ConnectionList;
  readonly service: Pick<ServiceView, 'clients'>;
}

/** Reads all counters: at the moment when somebody asks, and at no other. */
export function readStatistics({ adapter, connections, service }: StatisticsSources): Statistics {
  const { cm, packetDrops, transport } = adapter.counters;
  const { sent, retries, received, duplicates, rejectsSent, rejectsReceived, establishing } = cm;
  return {
    states: Object.fromEntries<number>(connections.countByState()) satisfies Partial<Record<State, number>>,
    messages: MESSAGE_NAMES.map((message) => ({
      message,
      sent: sent[message],
      retries: retries[message],
      received: received[message],
      duplicates: duplicates[message],
    })),
    drops: [
      ...dropsOf('packet', PACKET_DROP_REASONS, packetDrops),
      ...dropsOf('cm', DROP_REASONS, cm.drops),
      ...(transport === undefined ? [] : dropsOf('transport', TRANSPORT_DROP_REASONS, transport.drops)),
    ],
    rejects: (Object.keys(rejectsSent) as (keyof typeof rejectsSent)[]).map((reason) => ({
      reason,
      sent: rejectsSent[reason],
      received: rejectsReceived[reason],
    })),
    establishing: {
      bounds: DURATION_BOUNDS.map(inSeconds),
      counts: [...establishing.counts],
      sumSeconds: inSeconds(establishing.sum),
    },
    transport: transport === undefined ? {} : countsOf(transport),
    usage: { ...adapter.usage },
    clients: Array.from(service.clients, (client) => useOf(client, adapter.now())),
  };
}

function useOf(client: ClientView, now: Instant): ClientUse {
  const { id, name, pid, since, owns, calls, waiting, used, limits } = client;
  return {
    id,
    name,
    ...(pid !== undefined && { pid }),
    ageMs: inMilliseconds(elapsed(since, now)),
    owns: { ...owns },
    calls,
    waiting,
    used: { ...used },
    limits: { ...limits },
  };
}

const inSeconds = (microseconds: number): number => microseconds / 1_000_000;

function dropsOf<Reason extends string>(
  layer: DropCount['layer'],
  meanings: Readonly<Record<Reason, string>>,
  counts: Readonly<Record<Reason, number>>,
): DropCount[] {
  return (Object.keys(meanings) as Reason[]).map((reason) => ({
    layer,
    reason,
    meaning: meanings[reason],
    count: counts[reason],
  }));
}

/** The numbers of an object. */
function countsOf(counters: object): Record<string, number> {
  const entries = Object.entries(counters).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return Object.fromEntries(entries);
}
