import { type Cid, type IbcmError, type Instant, type Qpn, ReferenceLedger } from '../../base/index.js';
import type { CepInspector, CepManager } from '../../cep/index.js';
import { type CmEvent, CmInterface } from '../../cm/index.js';
import { type ConnectedQueuePair, ConnectedQueuePairs } from '../../qp/index.js';
import { type QueuePair, QueuePairTable } from '../../verbs/index.js';
import { objectionTo, viewOf } from './queue-pair-rules.js';

/** Who finds no receive tries again after 0.64 ms, or a little later. */
const MIN_RNR_TIMER = 12;
/** The first number that a queue pair can have: a table counts from there. */
const QPN_FIRST = 2;

export interface QueuePairHostOptions<Context> {
  readonly manager: CepManager;
  readonly inspector: CepInspector;
  /** The number that the manager gives to the owner that is opened here. */
  readonly owner: number;
  /** Queue pairs have numbers from `firstQpn` on, `qpnCount` in all; so many can be there at once. */
  readonly firstQpn: number;
  readonly qpnCount: number;
  /** Makes a queue pair one that moves data, with the rights that its peer has. */
  readonly moving?: { readonly prepare: (queuePair: QueuePair) => void; readonly accessFlags: number } | undefined;
  /** What a queue pair was told, from inside its callback. */
  readonly onEvent: (queuePair: HostedQueuePair<Context>, event: CmEvent, failure: IbcmError | undefined) => void;
  /** Is told what is wrong, and throws. `end`: what is destroyed is gone in time, once; `queuePair`: the rest. */
  readonly complain: (what: 'queuePair' | 'end', text: string) => never;
}

/** A queue pair, and what was seen of it. */
export interface HostedQueuePair<Context> {
  readonly queuePair: ConnectedQueuePair<HostedQueuePair<Context>>;
  readonly context: Context;
  /** The CEPs that it had or has. */
  readonly cids: Set<Cid>;
  isGone: boolean;
}

/**
 * One consumer's queue pairs, with everything between them and the CEP manager: an interface, a table, a ledger. It watches what
 * connected queue pairs promise (R3, R7–R12, R22), from outside, and complains.
 */
export class QueuePairHost<Context> {
  readonly cm: CmInterface;
  readonly pairs: ConnectedQueuePairs;
  readonly #options: QueuePairHostOptions<Context>;
  readonly #ledger = new ReferenceLedger();
  readonly #table: QueuePairTable;
  readonly #hosted = new Set<HostedQueuePair<Context>>();
  #isPolling = false;

  constructor(options: QueuePairHostOptions<Context>) {
    const { manager, firstQpn, qpnCount } = options;
    this.#options = options;
    this.cm = new CmInterface(manager, this.#ledger);
    this.#table = new QueuePairTable({
      random: { uint32: () => firstQpn - QPN_FIRST },
      ledger: this.#ledger,
      limits: { maxQueuePairs: qpnCount, qpnCount },
      ports: PORTS_MOST,
    });
    this.pairs = new ConnectedQueuePairs({ cm: this.cm, queuePairs: this.#table, ledger: this.#ledger });
  }

  /** @param automatic see `ConnectedQueuePairOptions`. @throws VerbsError `LIMIT_REACHED` when it has all that it may have. */
  create(context: Context, automatic = true): HostedQueuePair<Context> {
    const { onEvent, complain, moving } = this.#options;
    const made = this.pairs.create<Partial<HostedQueuePair<Context>>>(
      {
        transport: 'rc',
        automatic,
        context: {},
        ...(moving && { accessFlags: moving.accessFlags, minRnrTimer: MIN_RNR_TIMER }),
        callback: ({ context: told }, event, failure) => {
          const hosted = told as HostedQueuePair<Context>;
          if (hosted.queuePair.destroyed) complain('end', `a queue pair that was destroyed is told ${event.type}`);
          onEvent(hosted, event, failure);
        },
      },
      moving?.prepare,
    );
    const queuePair = made as ConnectedQueuePair<HostedQueuePair<Context>>;
    const hosted = Object.assign(queuePair.context, { queuePair, context, cids: new Set<Cid>(), isGone: false });
    this.#hosted.add(hosted);
    return hosted;
  }

  /** Destroys a queue pair, which cannot fail, and looks at what that has done. */
  destroy(hosted: HostedQueuePair<Context>, now: Instant): void {
    const { complain } = this.#options;
    const { queuePair } = hosted;
    this.note(hosted);
    let within = true;
    queuePair.destroy(now, () => {
      if (within || !this.#isPolling) complain('end', 'a queue pair is gone in the middle of a call (R11)');
      this.#handleGone(hosted);
    });
    within = false;
    if (!queuePair.destroyed) complain('end', 'a queue pair that was destroyed does not say so');
    // Not even from another callback's turn: what is told next may not reach it (R12).
    if (this.#connectionOf(queuePair.qpn) !== undefined) complain('end', 'a CEP outlives its queue pair (R8, R12)');
  }

  /** Whether somebody waits to be told that something is gone. */
  get hasEnds(): boolean {
    return this.#ledger.report().some(({ holders }) => holders.length === 0);
  }

  /** @returns whether anything was told. */
  poll(now: Instant): boolean {
    let any: boolean;
    this.#isPolling = true;
    try {
      any = this.cm.poll(now);
    } finally {
      this.#isPolling = false;
    }
    const { complain } = this.#options;
    for (const { queuePair } of this.#hosted) {
      if (queuePair.destroyed) complain('end', 'a queue pair that was destroyed is not gone after a poll (R22)');
    }
    return any;
  }

  /** After a call that may have begun a connection: which CEP is its queue pair's. */
  note({ queuePair, cids }: HostedQueuePair<Context>): void {
    const cid = this.#connectionOf(queuePair.qpn);
    if (cid !== undefined) cids.add(cid);
  }

  /** What is wrong with any of the queue pairs. */
  check(): void {
    const { inspector, owner, complain } = this.#options;
    const view = viewOf(inspector, owner, this.#ledger.report(), this.cm.closed);
    for (const { queuePair } of this.#hosted) {
      const objection = objectionTo(queuePair, view, this.#options.moving !== undefined);
      if (objection !== undefined) complain('queuePair', objection);
    }
  }

  /** CEPs that are bound to the slots of queue pairs. */
  get boundSlots(): number {
    let bound = 0;
    for (const { queuePair } of this.#hosted) if (queuePair.connectionState !== undefined) bound += 1;
    return bound;
  }

  /** What is left when everything is over. */
  leftovers(): string[] {
    const held = this.#ledger.report().map(({ object, holders }) => `${object} (${holders.join()})`);
    const { size } = this.#table;
    return [...held, ...(size === 0 ? [] : [`${size} queue pairs in the table`])];
  }

  /** What its future depends on, but for the manager. */
  image(): string {
    const queuePairs = [...this.#hosted].map(({ queuePair, cids }) => [
      queuePair.query(),
      queuePair.destroyed,
      queuePair.connectionState,
      [...cids],
    ]);
    return `${this.cm.closed}${JSON.stringify([this.#ledger.report(), queuePairs])}`;
  }

  #handleGone(hosted: HostedQueuePair<Context>): void {
    const { complain } = this.#options;
    const { queuePair, cids } = hosted;
    if (hosted.isGone) complain('end', 'a queue pair is gone twice (R22)');
    hosted.isGone = true;
    this.#hosted.delete(hosted);
    const open = new Set(this.#ledger.report().map(({ object }) => object));
    for (const cid of cids) {
      if (open.has(`CEP ${cid}`)) complain('end', 'a queue pair is gone before its CEP (R9, R10)');
    }
    if (this.#table.get(queuePair.qpn) !== undefined) complain('end', 'a queue pair that is gone is found');
  }

  #connectionOf(qpn: Qpn): Cid | undefined {
    const { inspector, owner } = this.#options;
    for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
      if (!inspector.moveTo(slot) || !inspector.holdsLocalQpn) continue;
      if (inspector.localQpn === qpn && inspector.owner === owner) return inspector.cid;
    }
    return undefined;
  }
}

/** As many as an adapter has in any simulation. */
const PORTS_MOST = 2;
