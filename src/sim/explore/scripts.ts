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
];
