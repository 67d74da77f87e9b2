import type { Cid } from '../base/index.js';
import type { EventType } from '../cep/index.js';
import type { Consumer } from './consumer.js';
import type { Part, Script } from './script.js';

/** An attempt to connect: its script, and what has become of it. */
export class Attempt {
  readonly number: number;
  readonly script: Script;
  /** Its active sides, one for each try. */
  readonly actives: Side[] = [];
  /** The sides that its REQs have made at the passive adapter: a second one only if the first was gone already. */
  readonly passives: Side[] = [];
  /** Which try of the active side this is, from 0. */
  round = 0;
  /** Whether a message of it did not arrive: then one side may rightly not know how the other ended. */
  hasLosses = false;

  constructor(number: number, script: Script) {
    this.number = number;
    this.script = script;
  }
}

/**
 * What a consumer believes of one CEP in one attempt, from its calls and the events it polled; not from looking inside.
 * `open`: being established. `established`: both sides have agreed, as far as this one knows. `ended`: an event or a call
 * of its own ended it, and timewait may follow. `over`: in IDLE again. `gone`: destroyed, or its adapter crashed.
 */
export type Phase = 'open' | 'established' | 'ended' | 'over' | 'gone';

export class Side {
  /** Its place among all sides of a run. */
  readonly number: number;
  readonly attempt: Attempt;
  readonly role: 'active' | 'passive';
  readonly part: Part;
  readonly consumer: Consumer;
  readonly cid: Cid;
  phase: Phase = 'open';
  round = 0;
  localQpn = 0;
  localPsn = 0;
  remoteQpn = 0;
  remotePsn = 0;
  localCommId = 0;
  remoteCommId = 0;
  /** The event that ended the attempt. */
  ending: EventType | undefined;
  /** Events of which each attempt has at most one. */
  hasRequest = false;
  hasReply = false;
  hasRtu = false;
  hasDreq = false;
  sentReply = false;
  sentDreq = false;
  /** How often timewait ended. */
  exits = 0;

  constructor(number: number, attempt: Attempt, role: 'active' | 'passive', consumer: Consumer, cid: Cid) {
    this.number = number;
    this.attempt = attempt;
    this.role = role;
    this.part = attempt.script[role];
    this.consumer = consumer;
    this.cid = cid;
  }
}
