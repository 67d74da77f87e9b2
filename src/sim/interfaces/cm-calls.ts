import { type Cid, type Instant, ReferenceLedger, type ServiceId } from '../../base/index.js';
import type { CepEvent, CepManager, ListenParameters } from '../../cep/index.js';
import { type CmEvent, type CmId, CmInterface } from '../../cm/index.js';
import { type CmMadInit, encodeMad, MAD_BYTES } from '../../wire/index.js';
import type { CepCalls } from './cep-calls.js';

/** What the interface knows of an ID besides the manager: whether it was told, and told once, that it is gone. */
interface Memory {
  id: CmId<Memory> | undefined;
}

/**
 * The calls of a CEP's owner, made through the CM-only interface: IDs stand for CIDs, and callbacks tell what is polled elsewhere. A call
 * with a CID that no ID stands for is made with an ID that was invented.
 *
 * It watches what the interface promises besides (R11, R15, R21), and complains.
 */
export class CmCalls implements CepCalls {
  readonly cm: CmInterface;
  readonly #ledger = new ReferenceLedger();
  readonly #tell: (event: CepEvent, now: Instant) => void;
  readonly #complain: (what: string) => never;
  /** IDs that are not gone, by their CIDs. */
  readonly #ids = new Map<Cid, CmId<Memory>>();
  #isPolling = false;

  /** @param tell is given every event, from inside the ID's callback. @param complain is told what is wrong, and throws. */
  constructor(manager: CepManager, tell: (event: CepEvent, now: Instant) => void, complain: (what: string) => never) {
    this.cm = new CmInterface(manager, this.#ledger);
    this.#tell = tell;
    this.#complain = complain;
  }

  /** Whether somebody waits to be told that an ID is gone. */
  get hasEnds(): boolean {
    return this.#ledger.report().some(({ holders }) => holders.length === 0);
  }

  /** @returns whether anything was told. */
  poll(now: Instant): boolean {
    this.#isPolling = true;
    try {
      return this.cm.poll(now);
    } finally {
      this.#isPolling = false;
    }
  }

  /** What is wrong with the IDs and the references to them. */
  check(): void {
    const live = [...this.#ids.values()].filter(({ destroyed }) => !destroyed).length;
    if (this.cm.size !== live) this.#complain(`the interface has ${this.cm.size} IDs; ${live} were not destroyed`);
    if (this.cm.closed && live > 0) this.#complain('an ID outlives its interface (R21)');
    if (this.cm.current !== undefined) this.#complain('a callback that has returned counts as running (R16)');
    const held = this.#ledger.report().filter(({ holders }) => holders.length > 0);
    if (held.length !== live) this.#complain(`${held.length} IDs are held; ${live} were not destroyed (R22)`);
  }

  /** What is left when everything is over. */
  leftovers(): string[] {
    return [...this.#ledger.report().map(({ object }) => object), ...[...this.#ids.keys()].map((cid) => `ID ${cid}`)];
  }

  /** What its future depends on, but for the manager. */
  image(): string {
    return `${this.cm.closed}${JSON.stringify(this.#ledger.report())}`;
  }

  create(): Cid {
    const memory: Memory = { id: undefined };
    return this.#add(memory, this.cm.createId(this.#onEvent, memory, this.#onGone));
  }

  destroy(cid: Cid, now: Instant): void {
    const id = this.#id(cid);
    this.cm.destroyId(id, now);
    if (!id.destroyed) this.#complain('an ID that was destroyed does not say so');
  }

  close(now: Instant): void {
    this.cm.close(now);
  }

  listen(cid: Cid, parameters: ListenParameters, now: Instant): ServiceId {
    return this.cm.listen(this.#id(cid), parameters, now);
  }

  sendReq: CepCalls['sendReq'] = (cid, parameters, now) => this.cm.sendReq(this.#id(cid), parameters, now);
  sendRep: CepCalls['sendRep'] = (cid, parameters, now) => this.cm.sendRep(this.#id(cid), parameters, now);
  formatRep: CepCalls['formatRep'] = (cid, parameters, now) => this.cm.formatRep(this.#id(cid), parameters, now);
  sendFormatted: CepCalls['sendFormatted'] = (cid, now) => this.cm.sendFormattedRep(this.#id(cid), now);
  sendRtu: CepCalls['sendRtu'] = (cid, parameters, now) => this.cm.sendRtu(this.#id(cid), parameters, now);
  sendRej: CepCalls['sendRej'] = (cid, parameters, now) => this.cm.sendRej(this.#id(cid), parameters, now);
  sendMra: CepCalls['sendMra'] = (cid, parameters, now) => this.cm.sendMra(this.#id(cid), parameters, now);
  sendDreq: CepCalls['sendDreq'] = (cid, parameters, now) => this.cm.sendDreq(this.#id(cid), parameters, now);
  sendDrep: CepCalls['sendDrep'] = (cid, parameters, now) => this.cm.sendDrep(this.#id(cid), parameters, now);
  sendLap: CepCalls['sendLap'] = (cid, parameters, now) => this.cm.sendLap(this.#id(cid), parameters, now);
  sendApr: CepCalls['sendApr'] = (cid, parameters, now) => this.cm.sendApr(this.#id(cid), parameters, now);
  sendSidrReq: CepCalls['sendSidrReq'] = (cid, parameters, now) => this.cm.sendSidrReq(this.#id(cid), parameters, now);
  sendSidrRep: CepCalls['sendSidrRep'] = (cid, parameters, now) => this.cm.sendSidrRep(this.#id(cid), parameters, now);
  migrate: CepCalls['migrate'] = (cid, now) => this.cm.migrate(this.#id(cid), now);
  established: CepCalls['established'] = (cid, now) => this.cm.established(this.#id(cid), now);

  #add(memory: Memory, id: CmId<Memory>): Cid {
    memory.id = id;
    this.#ids.set(id.cid, id);
    return id.cid;
  }

  #id(cid: Cid): CmId {
    const invented = { cid, context: undefined, inCallback: false, destroyed: false };
    return (this.#ids.get(cid) as CmId | undefined) ?? invented;
  }

  /** A request to a listener is fetched at once: then it has an ID of its own. */
  readonly #onEvent = (id: CmId<Memory>, event: CmEvent): void => {
    if (id.destroyed) this.#complain(`${event.type} is told to an ID that was destroyed (R11)`);
    if (!id.inCallback || this.cm.current !== id)
      this.#complain('a callback runs, and the interface does not know (R16)');
    if (event.cid === id.cid) {
      this.#tell(toldEvent(event, id.cid, 0 as Cid), event.now);
      return;
    }
    const memory: Memory = { id: undefined };
    const request = this.cm.getRequestEx(id, this.#onEvent, memory, this.#onGone);
    if (request === undefined) this.#complain('a request that was just told cannot be fetched');
    else this.#tell(toldEvent(request.event, this.#add(memory, request.id), id.cid), event.now);
  };

  readonly #onGone = ({ id }: Memory): void => {
    if (!this.#isPolling) this.#complain('an ID is gone in the middle of a call (R11)');
    if (id === undefined || !this.#ids.delete(id.cid)) this.#complain('an ID is gone twice (R11)');
    else if (!id.destroyed) this.#complain('an ID is gone that nobody has destroyed');
  };
}

/** An event as the CEP manager would tell it. Its message is looked at only if it is asked for. */
function toldEvent(event: CmEvent, cid: Cid, listener: Cid): CepEvent {
  const { type, cause, transmissions } = event;
  return {
    type,
    cause,
    transmissions,
    cid,
    listener,
    get hasMessage() {
      return event.message !== undefined;
    },
    get bytes() {
      const bytes = new Uint8Array(MAD_BYTES);
      if (event.message !== undefined) encodeMad(event.message as CmMadInit, bytes);
      return bytes;
    },
    at: 0,
  };
}
