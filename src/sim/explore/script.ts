/** What a consumer may answer to an event. `hold` sends an MRA first; one of the other answers follows later. */
export type Answer = 'accept' | 'confirm' | 'agree' | 'resolve' | 'refuse' | 'hold';

/**
 * What the consumer of one side may do. Where there are several ways, the explorer goes all of them, and it never waits for
 * anything but what is named here: when it does something is free.
 */
export interface Plan {
  /** What it uses: CEPs by the manager's own interface (default), IDs by the CM-only interface, or one queue pair that the CM leads. */
  readonly interface?: 'cep' | 'cm' | 'queuePair';
  /** Another consumer of the same manager, with a service of its own. */
  readonly beside?: Plan;
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
  /** May connect again, once, with the same queue pair: after the first CEP has been destroyed or has come back to IDLE; who has a queue pair, at any time. */
  readonly reconnects?: boolean;
  /** May close its interface, and with it all that it has, at any time. */
  readonly closes?: boolean;
  /** Of a queue pair: may give its connection up, once, at any time; the queue pair stays. */
  readonly aborts?: boolean;
  /** Of a queue pair: may be destroyed from inside its own callback, whichever event that tells. */
  readonly destroysInCallback?: boolean;
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
