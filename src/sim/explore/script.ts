/** What a consumer may answer to an event. `hold` sends an MRA first; one of the other answers follows later. */
export type Answer = 'accept' | 'confirm' | 'agree' | 'resolve' | 'refuse' | 'hold';

/**
 * What the consumer of one side may do. Where there are several ways, the explorer goes all of them, and it never waits for
 * anything but what is named here: when it does something is free.
 */
export interface Plan {
  /** Waits for requests. */
  readonly listens?: boolean;
  /** Asks for a connection, once; `peerToPeer`: as the other side does at the same time. */
  readonly connects?: 'client' | 'peerToPeer';
  /** Asks which queue pair serves, once. */
  readonly resolves?: boolean;
  readonly onRequest?: readonly ('accept' | 'refuse' | 'hold')[];
  readonly onReply?: readonly ('confirm' | 'refuse' | 'hold')[];
  readonly onProposal?: readonly ('agree' | 'refuse' | 'hold')[];
  readonly onQuestion?: readonly ('resolve' | 'refuse')[];
  /** May propose an alternate path to a connection that stands, once. */
  readonly proposes?: boolean;
  /** May disconnect a connection that stands. */
  readonly disconnects?: boolean;
  /** How many CEPs, whichever, it may destroy at any time, listeners too. */
  readonly destroys?: number;
  /** May connect again, once, with the same queue pair, after the first CEP has been destroyed or has come back to IDLE. */
  readonly reconnects?: boolean;
}

/** Two consumers that the explorer lets meet in every way that the network and the clocks allow. */
export interface Script {
  readonly name: string;
  /** What happens in it, as a sentence. */
  readonly summary: string;
  readonly plans: readonly [left: Plan, right: Plan];
  /** Messages are sent again at most so often, whatever the bounds allow: for scripts that are large already. */
  readonly maxRetries?: number;
}
