/**
 * The states of a CEP (IBTA 12.9.7, with the alternate path's states and the prepared messages that WinOF knows).
 * LAP_… and APR_… are ESTABLISHED with something going on about the alternate path.
 */
export const STATES = [
  'IDLE',
  'REQ_PREPARED',
  'LISTEN',
  'REQ_SENT',
  'REQ_MRA_RCVD',
  'REQ_RCVD',
  'REQ_MRA_SENT',
  'REP_PREPARED',
  'REP_PREPARED_MRA_SENT',
  'REP_SENT',
  'REP_MRA_RCVD',
  'REP_RCVD',
  'REP_MRA_SENT',
  'ESTABLISHED',
  'LAP_SENT',
  'LAP_MRA_RCVD',
  'LAP_RCVD',
  'LAP_MRA_SENT',
  'APR_PREPARED',
  'APR_PREPARED_MRA_SENT',
  'DREQ_SENT',
  'DREQ_RCVD',
  'TIMEWAIT',
  'SIDR_REQ_SENT',
  'SIDR_REQ_RCVD',
] as const;
export type State = (typeof STATES)[number];
/** What `destroy` may also lead to: the CEP is gone. */
export type StateOrDestroyed = State | 'DESTROYED';

/** A state's number, as a CEP's record holds it. */
export const STATE = Object.fromEntries(STATES.map((state, number) => [state, number])) as Readonly<
  Record<State, number>
>;

/** Messages, once a CEP has been found for them. `req` and `sidrReq` are duplicates here: new ones make a CEP. */
export const MESSAGE_INPUTS = [
  'req',
  'mra',
  'rej',
  'rep',
  'rtu',
  'dreq',
  'drep',
  'sidrReq',
  'sidrRep',
  'lap',
  'apr',
] as const;
/** Things that happen to a CEP without a message to it. */
export const SIGNAL_INPUTS = [
  /** A newcomer's REQ shows that the peer has forgotten this connection. */
  'stale',
  /** The CEP's timer: an answer is missing, or timewait is over. */
  'timeout',
  /** The total time that the consumer gave is over. */
  'deadline',
] as const;
/** The consumer's calls. */
export const COMMANDS = [
  'listen',
  'cancelListen',
  'formatReq',
  'sendReq',
  'formatRep',
  'sendRep',
  'sendFormatted',
  'sendRtu',
  'sendRej',
  'sendMra',
  'sendDreq',
  'sendDrep',
  'sendLap',
  'formatApr',
  'sendApr',
  'sendSidrReq',
  'sendSidrRep',
  'established',
  'migrate',
  'getQpAttr',
  'destroy',
] as const;

export type MessageInput = (typeof MESSAGE_INPUTS)[number];
export type SignalInput = (typeof SIGNAL_INPUTS)[number];
export type Command = (typeof COMMANDS)[number];
export type Input = MessageInput | SignalInput | Command;
export const INPUTS: readonly Input[] = [...MESSAGE_INPUTS, ...SIGNAL_INPUTS, ...COMMANDS];
/** An input's number, by which the dispatcher finds its cell. The compiler knows whose it is. */
export type InputNumber<Name extends Input = Input> = number & { readonly input?: Name };
export const INPUT = Object.fromEntries(INPUTS.map((input, number) => [input, number])) as {
  readonly [Name in Input]: InputNumber<Name>;
};
