/** Reject reasons (IBTA 12.6.7.2). */
export const REJECT_REASONS = {
  noQp: 1,
  noEec: 2,
  noResources: 3,
  timeout: 4,
  unsupportedRequest: 5,
  invalidCommId: 6,
  invalidCommInstance: 7,
  invalidServiceId: 8,
  invalidTransportServiceType: 9,
  staleConnection: 10,
  rdcDoesNotExist: 11,
  primaryRemotePortGid: 12,
  primaryRemotePortLid: 13,
  primarySl: 14,
  primaryTrafficClass: 15,
  primaryHopLimit: 16,
  primaryPacketRate: 17,
  alternateRemotePortGid: 18,
  alternateRemotePortLid: 19,
  alternateSl: 20,
  alternateTrafficClass: 21,
  alternateHopLimit: 22,
  alternatePacketRate: 23,
  redirectCmPort: 24,
  redirectPort: 25,
  invalidPathMtu: 26,
  insufficientResponderResources: 27,
  consumerReject: 28,
  rnrRetryCount: 29,
  duplicateLocalCommId: 30,
  unsupportedClassVersion: 31,
  flowLabel: 32,
  alternateFlowLabel: 33,
  vendorOptionNotSupported: 35,
  /** Used by WinOF only. */
  serviceHandoff: 0xffff,
} as const;
export type RejectReason = keyof typeof REJECT_REASONS;

/** Which message a REJ answers. */
export const MESSAGE_REJECTED = { req: 0, rep: 1, other: 2 } as const;
/** Which message an MRA answers. */
export const MESSAGE_MRAED = { req: 0, rep: 1, lap: 2 } as const;

/** Status of an APR (IBTA 12.8.2.1). */
export const AP_STATUSES = {
  success: 0,
  invalidCommId: 1,
  unsupported: 2,
  rejected: 3,
  redirect: 4,
  isCurrent: 5,
  invalidQpn: 6,
  invalidLid: 7,
  invalidGid: 8,
  invalidFlowLabel: 9,
  invalidTrafficClass: 10,
  invalidHopLimit: 11,
  invalidPacketRate: 12,
  invalidSl: 13,
} as const;
export type ApStatus = keyof typeof AP_STATUSES;

/** Status of a SIDR_REP (IBTA 12.11.2.1). */
export const SIDR_STATUSES = {
  valid: 0,
  serviceIdUnsupported: 1,
  rejected: 2,
  noQp: 3,
  redirect: 4,
  unsupportedVersion: 5,
} as const;
export type SidrStatus = keyof typeof SIDR_STATUSES;

/** Transport service type of a REQ (IBTA 12.7.8). `extended` refers to the extended transport type (XRC). */
export const TRANSPORT_SERVICE_TYPES = { rc: 0, uc: 1, rd: 2, extended: 3 } as const;

const byValue = (names: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(names).map(([name, value]) => [value, name]));
const rejectReasonNames = byValue(REJECT_REASONS);
const apStatusNames = byValue(AP_STATUSES);
const sidrStatusNames = byValue(SIDR_STATUSES);

/** The name of a reject reason, or undefined if the specification gives none. */
export const rejectReasonName = (reason: number): RejectReason | undefined =>
  rejectReasonNames.get(reason) as RejectReason | undefined;
export const apStatusName = (status: number): ApStatus | undefined => apStatusNames.get(status) as ApStatus | undefined;
export const sidrStatusName = (status: number): SidrStatus | undefined =>
  sidrStatusNames.get(status) as SidrStatus | undefined;
