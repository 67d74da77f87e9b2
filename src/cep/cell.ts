import type { CepCore } from './core.js';
import type { DropReason } from './counters.js';
import type {
  AprParameters,
  DreqParameters,
  LapParameters,
  ListenParameters,
  MraParameters,
  PrivateDataParameters,
  RejParameters,
  RepParameters,
  ReqParameters,
  SidrRepParameters,
  SidrReqParameters,
} from './parameters.js';
import type { QpTarget } from './qp-attributes.js';
import type { Cep } from './record.js';
import {
  COMMANDS,
  type Command,
  type MessageInput,
  type SignalInput,
  STATE,
  STATES,
  type State,
  type StateOrDestroyed,
} from './states.js';

/** What each call takes. */
export interface CommandParameters extends Record<Command, unknown> {
  listen: ListenParameters;
  cancelListen: undefined;
  sendReq: ReqParameters;
  sendRep: RepParameters;
  sendRtu: PrivateDataParameters;
  sendRej: RejParameters;
  sendMra: MraParameters;
  sendDreq: DreqParameters;
  sendDrep: PrivateDataParameters;
  formatReq: ReqParameters;
  formatRep: RepParameters;
  sendFormatted: undefined;
  sendLap: LapParameters;
  formatApr: AprParameters;
  sendApr: AprParameters;
  sendSidrReq: SidrReqParameters;
  sendSidrRep: SidrRepParameters;
  migrate: undefined;
  getQpAttr: QpTarget;
  established: undefined;
  destroy: undefined;
}

type Handler<Parameters> = (core: CepCore, cep: Cep, parameters: Parameters) => unknown;

/** The input is acted on, and may lead to the states named. */
export interface Handle<Parameters = undefined> {
  readonly kind: 'handle';
  readonly handler: Handler<Parameters>;
  readonly to: readonly StateOrDestroyed[];
  /** The same as bits ({@link reachOf}): every step is checked against it. */
  readonly reach: number;
}
/** The message was acted on before: it is answered again, and nothing changes. */
export interface Duplicate {
  readonly kind: 'duplicate';
  readonly handler: Handler<undefined>;
}
/** The message means nothing here: it is counted under the reason and forgotten. */
export interface Drop {
  readonly kind: 'drop';
  readonly reason: DropReason;
}
/** The call is not valid here, and fails. For a signal: it cannot occur here. */
export interface Illegal {
  readonly kind: 'illegal';
}

/** One row of the table: what every input does in one state. */
export type Row = { readonly [Name in MessageInput]: Handle | Duplicate | Drop } & {
  readonly [Name in SignalInput]: Handle | Drop | Illegal;
} & { readonly [Name in Command]: Handle<CommandParameters[Name]> | Illegal };
export type StateTable = { readonly [Name in State]: Row };
export type Cell = Handle | Duplicate | Drop | Illegal;

/** The bit of what `destroy` may lead to: the CEP is gone. The others are 2 to the power of a state's number. */
export const DESTROYED_BIT = 1 << STATES.length;
export const reachOf = (states: readonly StateOrDestroyed[]): number =>
  states.reduce((bits, state) => bits | (state === 'DESTROYED' ? DESTROYED_BIT : 1 << STATE[state]), 0);

export const handle = <Parameters>(
  handler: Handler<Parameters>,
  to: readonly StateOrDestroyed[],
): Handle<Parameters> => ({
  kind: 'handle',
  handler,
  to,
  reach: reachOf(to),
});
export const duplicate = (handler: Handler<undefined>): Duplicate => ({ kind: 'duplicate', handler });
export const drop = (reason: DropReason): Drop => ({ kind: 'drop', reason });
export const illegal: Illegal = { kind: 'illegal' };
/** A call that a row does not name is not valid in that state. */
export const noCommands = Object.fromEntries(COMMANDS.map((command) => [command, illegal])) as Record<Command, Illegal>;
