import { AssertionError, type Cid, IbcmError } from '../base/index.js';
import { type CepErrorCode, STATE_TABLE, type State } from '../cep/index.js';
import type { Consumer } from './consumer.js';
import type { CepCalls } from './interfaces/cep-calls.js';
import { serviceIdOf } from './services.js';
import { below } from './streams.js';
import type { World } from './world.js';

/** The calls that a consumer may get wrong, with parameters that are right in themselves. */
const CALLS = {
  sendReq: (owner, cid, consumer, world) =>
    owner.sendReq(
      cid,
      {
        path: consumer.adapter.pathTo(0, 1, 14),
        serviceId: serviceIdOf('plain', consumer.number, 0),
        qpn: 0xfff,
        startingPsn: 1,
      },
      world.now,
    ),
  sendRep: (owner, cid, _, world) => owner.sendRep(cid, { qpn: 0xfff, startingPsn: 1 }, world.now),
  sendRtu: (owner, cid, _, world) => owner.sendRtu(cid, {}, world.now),
  sendRej: (owner, cid, _, world) => owner.sendRej(cid, { reason: 28 }, world.now),
  sendMra: (owner, cid, _, world) => owner.sendMra(cid, {}, world.now),
  sendDreq: (owner, cid, _, world) => owner.sendDreq(cid, {}, world.now),
  sendDrep: (owner, cid, _, world) => owner.sendDrep(cid, {}, world.now),
  sendFormatted: (owner, cid, _, world) => owner.sendFormatted(cid, world.now),
  sendApr: (owner, cid, _, world) => owner.sendApr(cid, {}, world.now),
  sendSidrRep: (owner, cid, _, world) => owner.sendSidrRep(cid, {}, world.now),
  migrate: (owner, cid, _, world) => owner.migrate(cid, world.now),
  established: (owner, cid, _, world) => owner.established(cid, world.now),
  listen: (owner, cid, consumer, world) =>
    owner.listen(cid, { serviceId: serviceIdOf('plain', consumer.number, 0), backlog: 1 }, world.now),
} as const satisfies Record<string, (owner: CepCalls, cid: Cid, consumer: Consumer, world: World) => void>;
const NAMES = Object.keys(CALLS) as (keyof typeof CALLS)[];

/** A consumer does what it must not: it names a CEP that is not its own, or calls in the wrong state (R19). Nothing may change. */
export function misuse(world: World, consumer: Consumer, random: { uint32(): number }): void {
  const { inspector } = consumer.adapter;
  const name = NAMES[below(random, NAMES.length)] as (typeof NAMES)[number];
  const cid = wrongCid(consumer, random);
  if (cid !== undefined) {
    expectError(world, consumer, name, cid, 'INVALID_CID');
    return;
  }
  const own = [...consumer.sides.keys()];
  const target = own.length === 0 ? consumer.listener() : (own[below(random, own.length)] as Cid);
  if (!inspector.find(target)) world.fail('owner', `CID ${target} names no CEP`, consumer.sides.get(target));
  const { state, unreadEvents } = inspector;
  if (STATE_TABLE[state][name].kind !== 'illegal') return;
  expectError(world, consumer, name, target, 'INVALID_STATE');
  inspector.find(target);
  if (inspector.state !== state || inspector.unreadEvents !== unreadEvents) {
    world.fail('call', `${name} failed in ${state}, and yet something changed`, consumer.sides.get(target));
  }
}

/** A CID that was destroyed, is another owner's, or was never given out; undefined: this time the state is to be wrong. */
function wrongCid(consumer: Consumer, random: { uint32(): number }): Cid | undefined {
  switch (below(random, 4)) {
    case 0:
      return consumer.staleCids.at(-1 - below(random, Math.max(1, consumer.staleCids.length)));
    case 1: {
      const others = consumer.adapter.consumers.filter((other) => other !== consumer);
      const other = others[below(random, Math.max(1, others.length))];
      return other?.listener();
    }
    case 2:
      return (random.uint32() * 2 ** 20 + (random.uint32() % 2 ** 20)) as Cid;
    default:
      return undefined;
  }
}

function expectError(
  world: World,
  consumer: Consumer,
  name: keyof typeof CALLS,
  cid: Cid,
  expected: CepErrorCode,
): void {
  let code: string | undefined;
  const state: State | undefined = consumer.adapter.inspector.find(cid) ? consumer.adapter.inspector.state : undefined;
  try {
    CALLS[name](consumer.owner, cid, consumer, world);
  } catch (error) {
    if (!(error instanceof IbcmError) || error instanceof AssertionError) throw error;
    code = error.code;
  }
  const isExpected = code === expected || (code === 'INVALID_ID' && expected === 'INVALID_CID');
  // Full of unread events or out of buffers: that is said first.
  if (isExpected || code === 'LIMIT_REACHED') return;
  world.fail('call', `${name} on CID ${cid} (${state ?? 'no CEP'}) ended with ${code ?? 'success'}, not ${expected}`);
}
