const QUEUE_PAIR = 'src/qp/connected-queue-pair.ts';
const CONNECTION = 'src/qp/connection.ts';
const INTERFACE = 'src/cm/cm-interface.ts';
const SLOT = 'src/cep/cid-slot.ts';
const OWNER = 'src/cep/owner.ts';
const VERBS = 'src/verbs/queue-pair.ts';

const DESTROY_SLOT = "if (!this.#cm.closed) this.#cm.destroySlot(this.#slot, 'reserved', now);";
const ABORT_SLOT = "if (!this.#cm.closed) this.#cm.destroySlot(this.#slot, 'reusable', now);";
const HOLD = "id.context.belongTo(this, this.#queuePair.hold('cep'));";
const RELEASE = 'this.#reference?.release();';

/**
 * Ways to break a guarantee of docs/requirements.md in the source. Each is a few replacements of text that stands in its file once.
 * @type {readonly { name: string, change: string, edits: readonly (readonly [file: string, from: string, to: string])[] }[]}
 */
export const GUARANTEES = [
  {
    name: 'R3 unchecked',
    change: 'a queue pair number is not looked for among those in use',
    edits: [['src/cep/active.ts', 'if (core.identities.isQpnInUse(port, qpn)) {', 'if (port < 0) {']],
  },
  {
    name: 'R3 timewait',
    change: 'timewait gives the queue pair number back when it begins',
    edits: [
      [
        'src/cep/destroy.ts',
        'sendReject(core, cep, REJECT_REASONS.consumerReject);\n  core.enter(cep, STATE.TIMEWAIT);',
        'sendReject(core, cep, REJECT_REASONS.consumerReject);\n  core.enter(cep, STATE.TIMEWAIT);\n  core.identities.releaseLocalQpn(cep);',
      ],
    ],
  },
  {
    name: 'R4 written by others',
    change: 'who gives a connection up empties the slot himself',
    edits: [
      [QUEUE_PAIR, ABORT_SLOT, 'this.#slot = new CidSlot();'],
      [QUEUE_PAIR, 'readonly #slot = new CidSlot();', '#slot = new CidSlot();'],
    ],
  },
  {
    name: 'R5 bound twice',
    change: 'a CEP is bound to a slot that holds another',
    edits: [[SLOT, "if (slot.state === 'invalid') return;", "if (slot.state !== 'reserved') return;"]],
  },
  {
    name: 'R5 half bound',
    change: 'a bind writes the slot, and the manager forgets it',
    edits: [[SLOT, 'this.#slots.set(cep, slot);', '']],
  },
  {
    name: 'R6 captured',
    change: 'what the slot held in one turn is destroyed in a later one',
    edits: [
      [QUEUE_PAIR, DESTROY_SLOT, 'if (this.captured?.destroyed === false) this.#cm.destroyId(this.captured, now);'],
      [
        QUEUE_PAIR,
        'let failure: IbcmError | undefined;',
        'let failure: IbcmError | undefined;\n    this.captured = id;',
      ],
    ],
  },
  {
    name: 'R7 reserved',
    change: 'a CEP is bound to a reserved slot',
    edits: [[SLOT, "if (slot.state === 'invalid') return;", "if (slot.state !== 'bound') return;"]],
  },
  {
    name: 'R7 not reserved',
    change: 'the destruction of a queue pair leaves its slot reusable',
    edits: [[QUEUE_PAIR, DESTROY_SLOT, DESTROY_SLOT.replace('reserved', 'reusable')]],
  },
  {
    name: 'R7 not reusable',
    change: 'a connection that is given up leaves the slot reserved',
    edits: [[QUEUE_PAIR, ABORT_SLOT, ABORT_SLOT.replace('reusable', 'reserved')]],
  },
  {
    name: 'R8 accept',
    change: 'an accept that fails leaves its CEP alone',
    edits: [[QUEUE_PAIR, 'this.#cm.destroyId(id, now);', '']],
  },
  {
    name: 'R8 destroy',
    change: 'the destruction of a queue pair leaves its CEP alone',
    edits: [[QUEUE_PAIR, DESTROY_SLOT, '']],
  },
  {
    name: 'R9 not taken',
    change: 'nobody holds a queue pair for its CEP',
    edits: [[QUEUE_PAIR, HOLD, HOLD.replace("this.#queuePair.hold('cep')", "{ holder: 'cep', release: () => {} }")]],
  },
  {
    name: 'R9 not released',
    change: "the CEP's destroyed callback keeps the reference",
    edits: [[CONNECTION, RELEASE, '']],
  },
  {
    name: 'R9 released twice',
    change: 'the reference is released in two ways',
    edits: [[CONNECTION, RELEASE, `${RELEASE} ${RELEASE}`]],
  },
  {
    name: 'R10 released first',
    change: 'the owner releases the reference before it destroys the CEP',
    edits: [
      [QUEUE_PAIR, DESTROY_SLOT, `this.#id?.context.releaseFirst();\n    ${DESTROY_SLOT}`],
      [
        CONNECTION,
        '/** The one configuration',
        'releaseFirst() {\n    this.#reference?.release();\n    this.#reference = undefined;\n  }\n\n  /** The one configuration',
      ],
    ],
  },
  {
    name: 'R11 waits',
    change: 'the destruction of a queue pair awaits something',
    edits: [
      [QUEUE_PAIR, 'destroy(now: Instant, onDestroyed?: () => void): void {', 'async destroy(now, onDestroyed) {'],
      [QUEUE_PAIR, DESTROY_SLOT, `await undefined;\n    ${DESTROY_SLOT}`],
    ],
  },
  {
    name: 'R11 told within',
    change: 'the end of a queue pair is told from inside the call',
    edits: [[VERBS, 'this.#ownReference.release();', 'this.#ownReference.release();\n    whenDestroyed?.();']],
  },
  {
    name: 'R11 fails',
    change: 'a queue pair in a connection cannot be destroyed',
    edits: [
      [
        QUEUE_PAIR,
        'this.#queuePair.destroy(onDestroyed);',
        "if (this.state === 'RTS') this.#sending().inUse();\n    this.#queuePair.destroy(onDestroyed);",
      ],
    ],
  },
  {
    name: 'R12 polite',
    change: 'the destruction of a connected queue pair disconnects, and waits for the answer',
    edits: [
      [
        QUEUE_PAIR,
        DESTROY_SLOT,
        `if (this.connectionState === 'ESTABLISHED') this.#cm.sendDreq(this.#id, {}, now);\n    else ${DESTROY_SLOT}`,
      ],
    ],
  },
  {
    name: 'R12 silent',
    change: 'a request that is destroyed is not rejected',
    edits: [
      [
        'src/cep/destroy.ts',
        'sendReject(core, cep, REJECT_REASONS.consumerReject);\n  core.enter(cep, STATE.IDLE);',
        'core.enter(cep, STATE.IDLE);',
      ],
    ],
  },
  {
    name: 'R15 refused nowhere',
    change: 'a queue pair that was destroyed takes calls',
    edits: [
      [
        QUEUE_PAIR,
        'if (!this.destroyed) return;\n    const { qpn } = this;',
        'if (this !== undefined) return;\n    const { qpn } = this;',
      ],
    ],
  },
  {
    name: 'R15 another error',
    change: 'a call that meets the destruction of its queue pair fails with what it stumbled on',
    edits: [[QUEUE_PAIR, 'if (this.destroyed && !isDestroyed(error)) this.#refuseIfDestroyed(error);', '']],
  },
  {
    name: 'R21 interface',
    change: 'an interface that is closed leaves its CEPs',
    edits: [[INTERFACE, 'this.#owner.close(now);', '']],
  },
  {
    name: 'R21 owner',
    change: 'an owner that is closed destroys one of its CEPs only',
    edits: [
      [
        OWNER,
        'for (let slot = owners.firstCep(this.#number); slot !== 0; slot = owners.firstCep(this.#number)) {',
        'const slot = owners.firstCep(this.#number);\n    if (slot !== 0) {',
      ],
    ],
  },
  {
    name: 'R22 twice',
    change: 'the end of a queue pair is told twice',
    edits: [[VERBS, 'this.#whenDestroyed?.();', 'this.#whenDestroyed?.();\n      this.#whenDestroyed?.();']],
  },
  {
    name: 'R22 never',
    change: 'the owner of a queue pair keeps its reference',
    edits: [[VERBS, 'this.#ownReference.release();', '']],
  },
  {
    name: 'RTS after the end',
    change: 'a queue pair stays where it is when its peer disconnects',
    edits: [[QUEUE_PAIR, "case 'dreq_received':\n        this.#fail();", "case 'dreq_received':"]],
  },
  {
    name: 'RTS too early',
    change: 'the passive queue pair is in RTS with its REP',
    edits: [
      [
        QUEUE_PAIR,
        "id.context.readyToSend = this.#cm.getQpAttr(id, 'RTS', now);",
        "this.#queuePair.modify(this.#cm.getQpAttr(id, 'RTS', now));",
      ],
    ],
  },
];
