/**
 * Which tests may notice a mutant: those of `test/cep` that know from the specification what should happen. Each says
 * whether it counts, and why; one that is on neither list does not count, which is noted.
 */
export const BEHAVIOUR: Readonly<Record<string, string>> = {
  'active.test.ts': 'the active side, message by message: what is sent, told and remembered',
  'alternate-path.test.ts': 'LAP, APR and migration, from both sides',
  'back-off.test.ts': 'waits that grow, and waits that chance moves',
  'cid-slot.test.ts': 'who may write a CID into a slot, and what destroying the slot does',
  'comm-id.test.ts': 'what is done with comm IDs, on the wire',
  'connection.test.ts': 'a connection from its REQ to the end of its timewait',
  'destroy.test.ts': 'what the peer gets, and what is left, when a CEP is destroyed in each state',
  'disconnect.test.ts': 'DREQ, DREP and timewait, from both sides',
  'explored.test.ts': 'orders of events that the explorer found',
  'flood.test.ts': 'more requests than can be served, and the connections beside them',
  'forged.test.ts': 'the true message has its effect, the forged one has not',
  'limits.test.ts': 'what happens when something runs out',
  'listen.test.ts': 'which listener gets a request',
  'model.test.ts': 'any calls over any network: its lists of states are its own, and its seed is fixed here',
  'mutants.test.ts': 'written for what no other noticed',
  'observing.test.ts': 'what is counted and shown, by messages that were carried',
  'owner.test.ts': 'who may call what, and who is told what',
  'parameters.test.ts': 'values on their way from a call to the wire',
  'passive.test.ts': 'the passive side, message by message',
  'peer-to-peer.test.ts': 'two requests that cross, whichever side gives way',
  'prepared.test.ts': 'messages made by one call and sent by another',
  'qp-attributes.test.ts': 'what a queue pair is to be set to, from what went over the wire',
  'rate-limit.test.ts': 'a source that floods, and those beside it',
  'self-connection.test.ts': 'a connection with oneself',
  'service-resolution.test.ts': 'SIDR, from both sides',
  'stale.test.ts': 'a newcomer from the queue pair of a connection, state by state',
  'timing.test.ts': 'when something is sent again, given up and over, to the microsecond',
};

export const NOT_BEHAVIOUR: Readonly<Record<string, string>> = {
  'fuzz.test.ts': 'asks only that nothing breaks: no answer is looked at',
  'state-machine.test.ts': 'compares a document with the state table',
  'memory.test.ts': 'counts bytes: the protocol is not in it',
  'totality.test.ts': 'reads the state table to know what to expect: it notices a change of it, not that it is wrong',
};
