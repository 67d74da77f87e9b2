import type { CepOwner } from '../../cep/index.js';

/** What a simulated consumer calls, by the CEP manager's names, whichever interface its calls go through. */
export type CepCalls = Pick<
  CepOwner,
  | 'create'
  | 'listen'
  | 'sendReq'
  | 'formatReq'
  | 'sendRep'
  | 'formatRep'
  | 'sendFormatted'
  | 'sendRtu'
  | 'sendRej'
  | 'sendMra'
  | 'sendDreq'
  | 'sendDrep'
  | 'sendLap'
  | 'sendApr'
  | 'formatApr'
  | 'sendSidrReq'
  | 'sendSidrRep'
  | 'migrate'
  | 'established'
  | 'destroy'
  | 'close'
>;
