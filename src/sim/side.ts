import type { Cid } from '../base/index.js';
import type { EventType } from '../cep/index.js';
import type { Consumer } from './consumer.js';
import type { AnyConsumer } from './interfaces/any-consumer.js';
import type { Part } from './part.js';
import type { Script } from './script.js';

export type Role = 'active' | 'passive';

/** An attempt: its script, and what has become of it. */
export class Attempt {
  readonly number: number;
  readonly script: Script;
  /** Its active sides, one for each try. Peer to peer there are two at first. */
  readonly actives: AnySide[] = [];
  /** The sides that its REQs have made at the passive adapter: a second one only if the first was gone already. */
  readonly passives: AnySide[] = [];
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

export class Side<Owner extends AnyConsumer = Consumer> {
  /** Its place among all sides of a run. */
  readonly number: number;
  readonly attempt: Attempt;
  readonly part: Part;
  readonly consumer: Owner;
  readonly cid: Cid;
  /** Peer to peer, the active side that gives way becomes the passive one. */
  role: Role;
  /** The port that its queue pair belongs to. */
  readonly port: number;
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
  /** A message was made that is not sent yet. */
  isPrepared = false;
  /** A path was proposed, and the answer is missing: that of the peer, or this side's own. */
  hasProposal = false;
  /** The status with which this side answered a proposed path, or a service ID's resolution; −1: it has not. */
  answeredStatus = -1;
  /** How often timewait ended. */
  exits = 0;

  constructor(number: number, attempt: Attempt, role: Role, part: Part, consumer: Owner, cid: Cid) {
    this.number = number;
    this.attempt = attempt;
    this.role = role;
    this.part = part;
    this.consumer = consumer;
    this.cid = cid;
    this.port = attempt.script.port;
  }

  /** The adapter that it talks to. */
  get otherAdapter(): number {
    const { active, from, to } = this.attempt.script;
    return this.part === active ? to : from;
  }

  /** The side that it believes to be connected with: the one whose comm ID it was given. */
  get peer(): AnySide | undefined {
    const { role, attempt, remoteCommId } = this;
    const peers = role === 'passive' ? attempt.actives : attempt.passives;
    return peers.find(({ localCommId }) => localCommId === remoteCommId);
  }
}

/** A side, whichever interface its consumer uses. */
export type AnySide = Side<AnyConsumer>;
