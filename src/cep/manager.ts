import { assert, type CaGuid, gidEquals, type Instant, type Random } from '../base/index.js';
import {
  ATTRIBUTE_ID,
  checkMad,
  DREQ,
  LAP,
  MESSAGE_NAMES,
  MESSAGE_NUMBER,
  type MessageName,
  messageNumberOf,
  REJ,
  REJECT_REASONS,
  REQ,
  SIDR_REP,
} from '../wire/index.js';
import { type Cell, DESTROYED_BIT } from './cell.js';
import { answerStrayDreq, rejectStateless } from './compose.js';
import { CepCore, type Incoming } from './core.js';
import { type Counters, countReject, increment } from './counters.js';
import { CepError } from './error.js';
import { CepInspector } from './inspect.js';
import { type CepLimits, checkLimits, DEFAULT_LIMITS } from './limits.js';
import { CepOwner } from './owner.js';
import { receiveRequest } from './passive.js';
import type { PathAddress } from './path-table.js';
import { findCrossing } from './peer-to-peer.js';
import { type Cep, type CepCursor, FLAGS } from './record.js';
import { findSidrRequest, receiveSidrRequest } from './service-resolution.js';
import { STATE_TABLE } from './state-table.js';
import { type Command, INPUT, INPUTS, type Input, type InputNumber, STATES, type State } from './states.js';

/** Every cell, by state and input numbers. */
const CELLS: readonly Cell[] = STATES.flatMap((state) => INPUTS.map((input) => STATE_TABLE[state][input] as Cell));
/** The input that each message is, for the CEP it belongs to. */
const INPUT_OF: Readonly<Record<MessageName, number>> = {
  REQ: INPUT.req,
  MRA: INPUT.mra,
  REJ: INPUT.rej,
  REP: INPUT.rep,
  RTU: INPUT.rtu,
  DREQ: INPUT.dreq,
  DREP: INPUT.drep,
  SIDR_REQ: INPUT.sidrReq,
  SIDR_REP: INPUT.sidrRep,
  LAP: INPUT.lap,
  APR: INPUT.apr,
};
/** The same by the message's number. */
const INPUT_BY_NUMBER: readonly number[] = MESSAGE_NAMES.map((name) => INPUT_OF[name]);
/** Messages begin with the sender's comm ID and, but for REQ and SIDR, the receiver's: in the same place in all of them. */
const { localCommId, remoteCommId } = REJ.fields;
const CA_GUID_BYTES = 8;
/** Calls that send nothing and begin nothing, and the one that never fails. */
const NEEDS_NO_ROOM: readonly boolean[] = INPUTS.map((input) =>
  (['destroy', 'cancelListen', 'getQpAttr', 'migrate'] as readonly Input[]).includes(input),
);
const NO_BYTES = new Uint8Array(0);

export interface CepManagerOptions {
  /** EUI-64 of the adapter: with a comm ID it names a connection, and must be the same after a restart. */
  readonly caGuid: CaGuid;
  /** For comm IDs and hash seeds: must be unpredictable outside of simulations. */
  readonly random: Random;
  readonly limits?: Partial<CepLimits>;
  /** The address of each port, from port 1 on: by it a peer's path says which port it leads to. Without, the one where the message came in. */
  readonly gids?: readonly Uint8Array[];
}

/** A message to be sent. Valid until the next {@link CepManager.pollTransmit}; the object is used again. */
export interface CepTransmit {
  readonly path: PathAddress;
  /** Its 256 bytes. */
  readonly mad: Uint8Array;
}

/**
 * The CEP manager: the lowest module of the CM. It knows queue pair numbers, no queue pairs; MADs, no packets; a moment
 * that it is told, no clock.
 *
 * For its driver it is sans-IO. After every input ({@link handleMad}, {@link handleTimeout}, or any call of an owner):
 * 1. poll {@link pollTransmit} until it is undefined, and send each message;
 * 2. have the owners poll their events, which may lead to more of both;
 * 3. ask {@link nextTimeout} and call {@link handleTimeout} then.
 * Calls that come too early or too often are harmless.
 */
export class CepManager {
  readonly #core: CepCore;
  readonly #cep: CepCursor;
  /** The message polled last: its buffer and path are given up at the next poll. */
  readonly #transmit: { -readonly [Name in keyof CepTransmit]: CepTransmit[Name] } & {
    madNumber: number;
    pathNumber: number;
  };

  /** @throws {@link CepError} `INVALID_PARAMETER` for a limit that is out of its range. */
  constructor({ caGuid, random, limits, gids = [] }: CepManagerOptions) {
    const all = { ...DEFAULT_LIMITS, ...limits };
    checkLimits(all);
    this.#core = new CepCore(caGuid, random, all, gids);
    this.#cep = this.#core.store.cursor();
    const nowhere: PathAddress = { port: 0, localGid: NO_BYTES, remoteGid: NO_BYTES, trafficClass: 0, sourcePort: 0 };
    this.#transmit = { path: nowhere, mad: NO_BYTES, madNumber: 0, pathNumber: 0 };
  }

  get counters(): Counters {
    return this.#core.counters;
  }

  get limits(): CepLimits {
    return this.#core.limits;
  }

  /** Opens an owner: the only way to have CEPs. Its CIDs mean nothing to others (R19). */
  openOwner(): CepOwner {
    return new CepOwner(this.#core, (slot, input, parameters, now) => this.#command(slot, input, parameters, now));
  }

  /**
   * A MAD came in on QP1.
   * @param from the way back to its sender, addresses as the packet's headers have them.
   * @param length bytes that were sent.
   */
  handleMad(bytes: Uint8Array, at: number, length: number, from: PathAddress, now: Instant): void {
    const core = this.#core;
    core.now = now;
    if (checkMad(bytes, at, length) !== undefined) {
      core.drop('malformed');
      return;
    }
    const message = messageNumberOf(ATTRIBUTE_ID.get(bytes, at));
    increment(core.counters.messages.received, message);
    if (message === MESSAGE_NUMBER.REJ) countReject(core.counters.rejects.received, REJ.fields.reason.get(bytes, at));
    if (!core.hasSpareMads) {
      core.drop('noBuffers');
      return;
    }
    core.incoming = { bytes, at, from };
    try {
      this.#receive(message, core.incoming);
    } finally {
      core.incoming = undefined;
    }
  }

  /** Time has passed: what is due by `now` happens. Of very much, a part: then {@link nextTimeout} is not after `now`, and others have their turn first. */
  handleTimeout(now: Instant): void {
    this.#core.now = now;
    this.#core.timers.expire(now, this.#expire);
  }

  readonly #expire = (timer: number): void => {
    const { maxCeps } = this.#core.limits;
    if (timer > maxCeps) this.#dispatch(this.#cep.moveTo(timer - maxCeps), INPUT.deadline, undefined);
    else this.#dispatch(this.#cep.moveTo(timer), INPUT.timeout, undefined);
  };

  /** When {@link handleTimeout} has something to do at the earliest; NEVER if nothing waits. */
  nextTimeout(): Instant {
    return this.#core.timers.nextDeadline();
  }

  /** The next message to be sent, oldest first, or undefined. */
  pollTransmit(): CepTransmit | undefined {
    const { transmits, mads, paths } = this.#core;
    const transmit = this.#transmit;
    if (transmit.madNumber !== 0) {
      mads.drop(transmit.madNumber);
      paths.drop(transmit.pathNumber);
      transmit.madNumber = 0;
    }
    if (transmits.size === 0) return undefined;
    transmit.madNumber = transmits.mad;
    transmit.pathNumber = transmits.path;
    transmit.mad = mads.view(transmits.mad);
    transmit.path = paths.get(transmits.path);
    transmits.shift();
    return transmit;
  }

  /** What exists: for leak checks and for the curious. All zero (paths and buffers too) when nothing goes on. */
  usage(): Record<
    | 'ceps'
    | 'owners'
    | 'mads'
    | 'paths'
    | 'events'
    | 'transmits'
    | 'timers'
    | 'listens'
    | 'localQpns'
    | 'remoteIds'
    | 'remoteQpns'
    | 'timings'
    | 'peerRequests'
    | 'cidSlots',
    number
  > {
    const core = this.#core;
    return {
      ceps: core.store.size,
      owners: core.owners.size,
      mads: core.mads.size,
      paths: core.paths.size,
      events: core.events.size,
      transmits: core.transmits.size,
      timers: core.timers.armed,
      listens: core.listens.size,
      localQpns: core.identities.localQpns.size,
      remoteIds: core.identities.remoteIds.size,
      remoteQpns: core.identities.remoteQpns.size,
      timings: core.timings.size,
      peerRequests: core.peerRequests.size,
      cidSlots: core.cidSlots.size,
    };
  }

  /** Looks at every CEP, for invariant checkers. An inspector is good for the manager's life. */
  inspect(): CepInspector {
    return new CepInspector(this.#core);
  }

  #receive(message: number, incoming: Incoming): void {
    if (message === MESSAGE_NUMBER.REQ) this.#receiveReq(incoming);
    else if (message === MESSAGE_NUMBER.SIDR_REQ) this.#receiveSidrReq(incoming);
    else if (message === MESSAGE_NUMBER.SIDR_REP) this.#receiveSidrRep(incoming);
    else this.#receiveForCep(message, incoming);
  }

  #receiveReq(incoming: Incoming): void {
    const core = this.#core;
    const { bytes, at, from } = incoming;
    const { localCommId: commId, localCaGuid, localQpn, primaryPath } = REQ.fields;
    if (!gidEquals(bytes, at + primaryPath.localGid.byte, from.remoteGid, 0)) {
      core.drop('spoofedPath');
      return;
    }
    const guidHigh = localCaGuid.high.get(bytes, at);
    const guidLow = localCaGuid.low.get(bytes, at);
    const known = core.identities.findRemoteId(commId.get(bytes, at), guidHigh, guidLow, from);
    if (known !== 0) {
      this.#dispatch(this.#cep.moveTo(known), INPUT.req, undefined);
      return;
    }
    const stale = core.identities.findRemoteQpn(localQpn.get(bytes, at), guidHigh, guidLow, from);
    if (stale !== 0) {
      rejectStateless(core, incoming, 'REQ', REJECT_REASONS.staleConnection);
      this.#dispatch(this.#cep.moveTo(stale), INPUT.stale, undefined);
      return;
    }
    const crossing = findCrossing(core, incoming);
    if (crossing !== 0) this.#dispatch(this.#cep.moveTo(crossing), INPUT.req, undefined);
    else if (!core.newRequests.take(from.remoteGid, core.now)) core.drop('requestsLimited');
    else receiveRequest(core, this.#cep, incoming);
  }

  #receiveSidrReq(incoming: Incoming): void {
    const core = this.#core;
    const known = findSidrRequest(core, incoming);
    if (known !== 0) this.#dispatch(this.#cep.moveTo(known), INPUT.sidrReq, undefined);
    else if (!core.newRequests.take(incoming.from.remoteGid, core.now)) core.drop('requestsLimited');
    else receiveSidrRequest(core, this.#cep, incoming);
  }

  #receiveSidrRep(incoming: Incoming): void {
    const core = this.#core;
    const { bytes, at, from } = incoming;
    const slot = core.store.slotOfCommId(SIDR_REP.fields.requestId.get(bytes, at));
    const cep = this.#cep.moveTo(slot);
    if (slot === 0) core.drop('unknownCommId');
    else if (!core.identities.isFromPeer(cep, from)) core.drop('wrongAddress');
    else this.#dispatch(cep, INPUT.sidrRep, undefined);
  }

  #receiveForCep(message: number, incoming: Incoming): void {
    const core = this.#core;
    const { bytes, at, from } = incoming;
    const slot = this.#slotOf(message, incoming);
    if (slot === 0) {
      if (message === MESSAGE_NUMBER.DREQ) answerStrayDreq(core, incoming);
      else if (message === MESSAGE_NUMBER.REP) rejectStateless(core, incoming, 'REP', REJECT_REASONS.invalidCommId);
      else core.drop('unknownCommId');
      return;
    }
    const cep = this.#cep.moveTo(slot);
    const learnt = (cep.flags & FLAGS.remoteIdKnown) !== 0;
    if (!core.identities.isFromPeer(cep, from)) core.drop('wrongAddress');
    else if (learnt && localCommId.get(bytes, at) !== cep.remoteCommId) core.drop('wrongCommId');
    else if (message === MESSAGE_NUMBER.DREQ && DREQ.fields.remoteQpnEecn.get(bytes, at) !== cep.localQpn)
      core.drop('wrongQpn');
    else if (message === MESSAGE_NUMBER.LAP && LAP.fields.remoteQpnEecn.get(bytes, at) !== cep.localQpn)
      core.drop('wrongQpn');
    else if (message === MESSAGE_NUMBER.REJ && learnt && REJ.fields.messageRejected.get(bytes, at) === 0)
      core.drop('wrongMessage');
    else this.#dispatch(cep, INPUT_BY_NUMBER[message] as number, undefined);
  }

  /** The CEP that a message names. A REJ for a timeout names it by its sender: that one may never have learnt our comm ID. */
  #slotOf(message: number, { bytes, at, from }: Incoming): number {
    const core = this.#core;
    if (
      message === MESSAGE_NUMBER.REJ &&
      REJ.fields.reason.get(bytes, at) === REJECT_REASONS.timeout &&
      REJ.fields.rejectInfoLength.get(bytes, at) >= CA_GUID_BYTES
    ) {
      const guid = new DataView(
        bytes.buffer,
        bytes.byteOffset + at + REJ.fields.additionalRejectInformation.byte,
        CA_GUID_BYTES,
      );
      const slot = core.identities.findRemoteId(localCommId.get(bytes, at), guid.getUint32(0), guid.getUint32(4), from);
      if (slot !== 0) return slot;
    }
    return core.store.slotOfCommId(remoteCommId.get(bytes, at));
  }

  #command(slot: number, input: InputNumber<Command>, parameters: unknown, now: Instant): unknown {
    const core = this.#core;
    core.now = now;
    const cep = this.#cep.moveTo(slot);
    if (NEEDS_NO_ROOM[input] === false) core.checkRoom(cep);
    return this.#dispatch(cep, input, parameters);
  }

  #countDuplicate(): void {
    const { incoming, counters } = this.#core;
    if (incoming === undefined) return;
    increment(counters.messages.duplicates, messageNumberOf(ATTRIBUTE_ID.get(incoming.bytes, incoming.at)));
  }

  /** The one place where inputs meet states. @returns what a call asks for. */
  #dispatch(cep: Cep, input: number, parameters: unknown): unknown {
    const core = this.#core;
    const from = cep.state;
    const slot = cep.slot;
    const cell = CELLS[from * INPUTS.length + input] as Cell;
    switch (cell.kind) {
      case 'handle': {
        const { generation } = cep;
        const result = cell.handler(core, cep, parameters as undefined);
        assert(cep.slot === slot, 'a handler leaves the cursor where it is');
        const gone = cep.owner === 0 && (cep.flags & FLAGS.unbound) === 0;
        const reached = gone ? DESTROYED_BIT : 1 << cep.state;
        if (cep.generation !== generation || (cell.reach & reached) === 0) {
          assert(
            false,
            `${STATES[from]} on ${INPUTS[input]} does not lead to ${gone ? 'DESTROYED' : STATES[cep.state]}`,
          );
        }
        return result;
      }
      case 'duplicate':
        this.#countDuplicate();
        cell.handler(core, cep, undefined);
        return undefined;
      case 'drop':
        if (cell.reason === 'duplicate' && input !== INPUT.stale) this.#countDuplicate();
        core.drop(cell.reason);
        return undefined;
      case 'illegal': {
        const state = STATES[from] as State;
        const name = INPUTS[input] as Input;
        assert(
          core.incoming === undefined && input !== INPUT.timeout && input !== INPUT.deadline,
          `${name} cannot occur in ${state}`,
        );
        throw new CepError('INVALID_STATE', `${name} is not valid in state ${state}`, { call: name, state });
      }
    }
  }
}
