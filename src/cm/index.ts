export type { CmEvent } from './cm-event.js';
export type { CmCallback, CmConfiguration, CmDestroyed, CmId, CmStatus } from './cm-id.js';
export { CmInterface, type CmRequest } from './cm-interface.js';
export { CmError, type CmErrorCode } from './error.js';
