import type { Script } from './script.js';

/** Small on purpose: a script is explored completely, so what it contains is multiplied, not added. */
export const SCRIPTS: readonly Script[] = [
  {
    name: 'connect',
    summary: 'one side connects; the other accepts or refuses; the first confirms or refuses',
    plans: [
      { connects: 'client', onReply: ['confirm', 'refuse'] },
      { listens: true, onRequest: ['accept', 'refuse'] },
    ],
  },
  {
    name: 'mra',
    summary: 'the same with MRAs from the passive and from the active side',
    plans: [
      { connects: 'client', onReply: ['confirm', 'hold'] },
      { listens: true, onRequest: ['accept', 'refuse', 'hold'] },
    ],
  },
  {
    name: 'disconnect',
    summary: 'a connection that either side, or both at once, may disconnect',
    plans: [
      { connects: 'client', onReply: ['confirm'], disconnects: true },
      { listens: true, onRequest: ['accept'], disconnects: true },
    ],
  },
  {
    name: 'alternate-path',
    summary:
      'a connection whose active side may propose an alternate path, which the other agrees to, refuses or holds',
    plans: [
      { connects: 'client', onReply: ['confirm'], proposes: true },
      { listens: true, onRequest: ['accept'], onProposal: ['agree', 'refuse', 'hold'] },
    ],
  },
  {
    name: 'alternate-path-disconnect',
    summary: 'the same while the passive side may disconnect',
    plans: [
      { connects: 'client', onReply: ['confirm'], proposes: true },
      { listens: true, onRequest: ['accept'], onProposal: ['agree'], disconnects: true },
    ],
  },
  {
    name: 'sidr',
    summary: 'one side asks for a service ID; the other answers or refuses; either may destroy something at any time',
    plans: [
      { resolves: true, destroys: 1 },
      { listens: true, onQuestion: ['resolve', 'refuse'], destroys: 1 },
    ],
  },
  {
    name: 'destroy-active',
    summary: 'the active side may destroy its CEP at any time',
    plans: [
      { connects: 'client', onReply: ['confirm'], destroys: 1 },
      { listens: true, onRequest: ['accept'] },
    ],
  },
  {
    name: 'destroy-passive',
    summary: 'the passive side may destroy a CEP, or the listener, at any time',
    plans: [
      { connects: 'client', onReply: ['confirm'] },
      { listens: true, onRequest: ['accept'], destroys: 1 },
    ],
  },
  {
    name: 'destroy-both',
    summary: 'either side may destroy something at any time',
    plans: [
      { connects: 'client', onReply: ['confirm'], destroys: 1 },
      { listens: true, onRequest: ['accept'], destroys: 1 },
    ],
  },
  {
    name: 'reconnect',
    summary:
      'the active side may destroy its CEP and connect again with the same queue pair, while old messages are on their way',
    maxRetries: 1,
    plans: [
      { connects: 'client', onReply: ['confirm'], destroys: 1, reconnects: true },
      { listens: true, onRequest: ['accept'] },
    ],
  },
  {
    name: 'peer-to-peer',
    summary: 'both sides connect to each other at once, and either may disconnect',
    plans: [
      { connects: 'peerToPeer', onRequest: ['accept'], onReply: ['confirm'], disconnects: true },
      { connects: 'peerToPeer', onRequest: ['accept'], onReply: ['confirm'], disconnects: true },
    ],
  },
  {
    name: 'queue-pairs',
    summary: 'queue pairs that the CM leads: one asks, the other accepts or refuses; either side may disconnect',
    maxRetries: 1,
    plans: [
      { interface: 'queuePair', connects: 'client', disconnects: true },
      { interface: 'queuePair', listens: true, onRequest: ['accept', 'refuse'], disconnects: true },
    ],
  },
  {
    name: 'queue-pairs-destroy',
    summary: 'either queue pair may be destroyed at any time, also from its own callbacks',
    maxRetries: 1,
    plans: [
      { interface: 'queuePair', connects: 'client', destroys: 1, destroysInCallback: true },
      { interface: 'queuePair', listens: true, onRequest: ['accept'], destroys: 1, destroysInCallback: true },
    ],
  },
  {
    name: 'queue-pairs-disconnect-destroy',
    summary: 'a connection that either side may disconnect, while either queue pair may be destroyed at any time',
    maxRetries: 0,
    plans: [
      { interface: 'queuePair', connects: 'client', disconnects: true, destroys: 1 },
      { interface: 'queuePair', listens: true, onRequest: ['accept'], disconnects: true, destroys: 1 },
    ],
  },
  {
    name: 'queue-pairs-reconnect',
    summary: 'the active side may give its connection up, and connect again, each at any time',
    maxRetries: 0,
    plans: [
      { interface: 'queuePair', connects: 'client', aborts: true, reconnects: true },
      { interface: 'queuePair', listens: true, onRequest: ['accept'] },
    ],
  },
  {
    name: 'queue-pairs-close',
    summary: 'either side may close its interface and destroy its queue pair, each at any time',
    maxRetries: 0,
    plans: [
      { interface: 'queuePair', connects: 'client', closes: true, destroys: 1 },
      { interface: 'queuePair', listens: true, onRequest: ['accept'], closes: true, destroys: 1 },
    ],
  },
  {
    name: 'queue-pairs-peer-to-peer',
    summary: 'two queue pairs that ask for each other; either may be destroyed at any time',
    plans: [
      { interface: 'queuePair', connects: 'peerToPeer', destroys: 1 },
      { interface: 'queuePair', connects: 'peerToPeer', destroys: 1 },
    ],
  },
  {
    name: 'cm-only',
    summary:
      'IDs of the CM-only interface: accepted or refused, confirmed or refused; either may be destroyed at any time',
    maxRetries: 1,
    plans: [
      { interface: 'cm', connects: 'client', onReply: ['confirm', 'refuse'], destroys: 1 },
      { interface: 'cm', listens: true, onRequest: ['accept', 'refuse'], destroys: 1 },
    ],
  },
  {
    name: 'cm-only-close',
    summary: 'a connection of two such IDs; either side may disconnect, and close its interface, at any time',
    maxRetries: 0,
    plans: [
      { interface: 'cm', connects: 'client', onReply: ['confirm'], disconnects: true, closes: true },
      { interface: 'cm', listens: true, onRequest: ['accept'], disconnects: true, closes: true },
    ],
  },
  {
    name: 'interfaces',
    summary:
      'a consumer of CEPs, which is refused, and one with a queue pair of the same number, side by side on one manager',
    maxRetries: 0,
    plans: [
      {
        connects: 'client',
        beside: { interface: 'queuePair', connects: 'client' },
      },
      {
        listens: true,
        onRequest: ['refuse'],
        beside: { interface: 'queuePair', listens: true, onRequest: ['accept'] },
      },
    ],
  },
];
