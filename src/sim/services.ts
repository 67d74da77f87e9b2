import type { ServiceId } from '../base/index.js';
import type { ListenParameters } from '../cep/index.js';

/**
 * What consumers listen for. Each kind of service has two listens that both match some of its requests; which of the two is
 * meant is said here, without asking the CM.
 */
interface Service {
  readonly base: number;
  /** Which of the listens gets a request. @param extra the request's own byte, 0 to 3. */
  readonly meant: (port: number, extra: number) => number;
  readonly listens: readonly Omit<ListenParameters, 'serviceId' | 'backlog'>[];
}

/** Where in their private data requests carry their own byte: behind the tag. */
export const EXTRA_AT = 8;
export const EXTRA_RANGE = 4;
const OWNER_BITS = 8;
const FAMILY_MASK = 0xffff_ffff_ffff_ff00n;

const SERVICES = {
  plain: { base: 0x0106_0000, meant: () => 0, listens: [{}] },
  /** The service ID ends with the request's own byte: one listens for all of them, and one for a single one. */
  masked: {
    base: 0x0107_0000,
    meant: (_, extra) => (extra === 0 ? 1 : 0),
    listens: [{ serviceMask: FAMILY_MASK }, {}],
  },
  perPort: { base: 0x0108_0000, meant: (port) => (port === 1 ? 1 : 0), listens: [{}, { port: 1 }] },
  /** The private data has the request's own byte. */
  compared: {
    base: 0x0109_0000,
    meant: (_, extra) => (extra === 1 ? 1 : 0),
    listens: [{}, { compare: { offset: EXTRA_AT, data: Uint8Array.of(1) } }],
  },
} as const satisfies Record<string, Service>;
export type ServiceKind = keyof typeof SERVICES;
export const SERVICE_KINDS = Object.keys(SERVICES) as ServiceKind[];
const ALL: Readonly<Record<ServiceKind, Service>> = SERVICES;

/** The service that a request asks an owner for. */
export function serviceIdOf(kind: ServiceKind, owner: number, extra: number): ServiceId {
  const family = ALL[kind].base | (owner << OWNER_BITS);
  return BigInt(kind === 'masked' ? family | extra : family) as ServiceId;
}

/** One listen of an owner: its kind of service, its place among those of that kind, and what is listened for. */
export interface Listen {
  readonly kind: ServiceKind;
  readonly place: number;
  readonly parameters: Omit<ListenParameters, 'backlog'>;
}

export function listensOf(owner: number, kinds: readonly ServiceKind[]): Listen[] {
  return kinds.flatMap((kind) =>
    ALL[kind].listens.map((listen, place) => ({
      kind,
      place,
      parameters: { ...listen, serviceId: serviceIdOf(kind, owner, 0) },
    })),
  );
}

/** The place of the listen that a request is meant for among those of its kind. */
export function meantListen(kind: ServiceKind, port: number, extra: number): number {
  return ALL[kind].meant(port, extra);
}

const PEER_BASE = 0x010a_0000_0000n;
/** The service that both sides of a peer-to-peer attempt ask each other for. Nobody listens for it. */
export const peerServiceId = (attempt: number): ServiceId => (PEER_BASE + BigInt(attempt)) as ServiceId;
