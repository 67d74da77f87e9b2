import { VerbsError } from '../verbs/index.js';
import { REJECT_REASONS } from '../wire/index.js';

/** What the peer's messages say, by attribute, when it is out of its range. */
const REASON_OF: Readonly<Record<string, number>> = {
  mtu: REJECT_REASONS.invalidPathMtu,
  responderResources: REJECT_REASONS.insufficientResponderResources,
  'path.trafficClass': REJECT_REASONS.primaryTrafficClass,
  rnrRetryCount: REJECT_REASONS.rnrRetryCount,
  pKey: REJECT_REASONS.unsupportedRequest,
  destinationQpn: REJECT_REASONS.unsupportedRequest,
};

/** What to tell the peer when a queue pair cannot do as the peer's messages say (IBTA 12.6.7.2). */
export function rejectReasonFor(error: unknown): number {
  if (error instanceof VerbsError) {
    const { code, details } = error;
    // The attributes that reliable and unreliable connections need are not the same.
    if (code === 'MISSING_ATTRIBUTE' || code === 'ATTRIBUTE_NOT_ALLOWED') {
      return REJECT_REASONS.invalidTransportServiceType;
    }
    if (code === 'INVALID_ATTRIBUTE') return REASON_OF[details.attribute ?? ''] ?? REJECT_REASONS.consumerReject;
  }
  return REJECT_REASONS.consumerReject;
}
