import type { CepOwner } from '../../cep/index.js';

/** What a simulated consumer calls, by the CEP manager's names, whichever interface its calls go through. Some interfaces cannot make a REQ or an APR without sending it. */
export type CepCalls = Pick<
  CepOwner,
  | 'create'
  | 'listen'
  | 'sendReq'
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
  | 'sendSidrReq'
  | 'sendSidrRep'
  | 'migrate'
  | 'established'
  | 'destroy'
  | 'close'
> &
  Partial<Pick<CepOwner, 'formatReq' | 'formatApr'>>;
