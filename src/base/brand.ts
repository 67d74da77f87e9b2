declare const brand: unique symbol;

/** A number (or bigint) that is not interchangeable with others of its kind. It costs nothing at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** The local handle of a CEP, valid only for the owner that made it. A safe integer, never reused. */
export type Cid = Brand<number, 'Cid'>;
/** Communication ID: the 32-bit number that names one side of a connection on the wire (IBTA 12.7.1). Never 0. */
export type CommId = Brand<number, 'CommId'>;
/** Queue pair number, 24 bits. 0 is the SMI, 1 the GSI. */
export type Qpn = Brand<number, 'Qpn'>;
/** Packet sequence number, 24 bits. */
export type Psn = Brand<number, 'Psn'>;
/** Partition key, 16 bits; the most significant bit says full member. */
export type PKey = Brand<number, 'PKey'>;
/** EUI-64 of a channel adapter. */
export type CaGuid = Brand<bigint, 'CaGuid'>;
/** The 64-bit number that a service listens on (IBTA 12.7.3). */
export type ServiceId = Brand<bigint, 'ServiceId'>;

export const QPN_MAX = 0xff_ffff;
export const PSN_MAX = 0xff_ffff;
/** The general services interface: where CM messages go (IBTA 3.9.5). */
export const GSI_QPN = 1 as Qpn;
/** The default partition with full membership (IBTA 10.9.1.2). */
export const DEFAULT_P_KEY = 0xffff as PKey;
