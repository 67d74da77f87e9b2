import { describe, expect, it } from 'vitest';
import {
  AETH,
  AETH_KINDS,
  BTH,
  BTH_BYTES,
  HEADER_BYTES,
  ICRC_BYTES,
  NAK_CODES,
  type Operation,
  opcodeOf,
  type Position,
  psnPlus,
  RETH,
} from '../../src/wire/index.js';
import { connectedPair, opcodeIn, outcomesOf, P_KEY, sealed } from './fabric.js';

/** What a peer that does not keep the rules sends: the requests of one queue pair, made by hand. MTU 256. */
interface Request {
  readonly operation: Operation;
  readonly position: Position;
  readonly payload?: number;
  /** What a RETH says. */
  readonly length?: number;
  readonly offset?: number;
}
const PSN = 0xff_fff0;
const MTU = 256;
const REGION_BYTES = 2_048;

const send = (position: Position, payload: number): Request => ({ operation: 'send', position, payload });
const write = (position: Position, payload: number, length = 0): Request => ({
  operation: 'rdmaWrite',
  position,
  payload,
  length,
});
const read = (length: number): Request => ({ operation: 'rdmaReadRequest', position: 'only', length });
const atomic: Request = { operation: 'fetchAndAdd', position: 'only' };

/** Has a queue pair receive requests. @returns its answers that are NAKs, what became of it, and how often its memory was touched. */
function receive(transport: 'rc' | 'uc', requests: readonly Request[]) {
  const { fabric, a, b } = connectedPair({ transport });
  const region = b.side.register(REGION_BYTES);
  const into = b.side.register(REGION_BYTES);
  b.queues.postReceive({ id: 1, elements: [into.element()] });
  const naks: number[] = [];
  fabric.fate = (bytes, side) => {
    const isAnswer = side === b.side && opcodeIn(bytes) === opcodeOf('rc', 'acknowledge', 'only');
    if (isAnswer && AETH.kind.get(bytes, BTH_BYTES) === AETH_KINDS.negativeAcknowledge) {
      naks.push(AETH.value.get(bytes, BTH_BYTES));
    }
    return [];
  };
  requests.forEach(({ operation, position, payload = 0, length = 0, offset = 0 }, i) => {
    const opcode = opcodeOf(transport, operation, position);
    const headers = HEADER_BYTES[opcode] as number;
    const packet = new Uint8Array(headers + payload + (-payload & 3) + ICRC_BYTES).fill(7, headers);
    BTH.opcode.put(packet, 0, opcode);
    BTH.padCount.put(packet, 0, -payload & 3);
    BTH.pKey.put(packet, 0, P_KEY);
    BTH.destinationQpn.put(packet, 0, b.queuePair.qpn);
    BTH.psn.put(packet, 0, psnPlus(PSN, i));
    if (headers > BTH_BYTES) {
      RETH.address.set(packet, BTH_BYTES, BigInt(region.address + offset));
      RETH.rKey.put(packet, BTH_BYTES, region.rkey);
      if (operation !== 'fetchAndAdd') RETH.length.put(packet, BTH_BYTES, length);
    }
    fabric.deliver({ to: b.side, from: a.side, bytes: sealed(packet, a, b), arrives: fabric.now });
  });
  fabric.settle();
  const touched = region.bytes.filter((byte) => byte !== 0).length;
  return { naks, state: b.queuePair.state, touched, outcomes: outcomesOf(b), drops: b.side.layer.counters.drops };
}

const VIOLATIONS: readonly (readonly [name: string, requests: readonly Request[], touched: number])[] = [
  ['a middle without a beginning', [send('middle', MTU)], 0],
  ['an end without a beginning', [send('last', 4)], 0],
  ["a write's middle without a beginning", [write('middle', MTU)], 0],
  ["a write's end without a beginning", [write('last', 4)], 0],
  ['a beginning in a message', [send('first', MTU), send('first', MTU)], 0],
  ['a message in a message', [send('first', MTU), send('only', 4)], 0],
  ["a write's end at a send's beginning", [send('first', MTU), write('last', 4)], 0],
  ["a send's end at a write's beginning", [write('first', MTU, 300), send('last', 44)], MTU],
  ['a first packet that is not full', [send('first', MTU - 4)], 0],
  ['a middle that is not full', [send('first', MTU), send('middle', MTU - 4)], 0],
  ['an end without data', [send('first', MTU), send('last', 0)], 0],
  ['a packet that is longer than the MTU', [send('only', MTU + 4)], 0],
  ['a write that brings less than it says', [write('only', 8, 12)], 0],
  ['a write that brings more than it says', [write('only', 12, 8)], 0],
  ['a write whose first packet brings all', [write('first', MTU, MTU)], 0],
  ['a write whose middle brings all', [write('first', MTU, 2 * MTU), write('middle', MTU)], MTU],
  ['a write that ends too early', [write('first', MTU, 600), write('last', 8)], MTU],
  ['a write that ends with too much', [write('first', MTU, 300), write('last', 48)], MTU],
];

describe('A peer that sends', () => {
  it.each(VIOLATIONS)('%s has made an invalid request, and nothing of it is done', (_, requests, touched) => {
    const { naks, state, touched: bytes, outcomes } = receive('rc', requests);
    expect({ naks, state, bytes }).toEqual({ naks: [NAK_CODES.invalidRequest], state: 'ERR', bytes: touched });
    expect(outcomes).toEqual(['1 receive flushed']);
  });

  it.each([
    ['a read in a message', [send('first', MTU), read(8)]],
    ['an atomic in a message', [send('first', MTU), atomic]],
    ['a read of more packets than there are PSNs to tell them apart', [read(2 ** 31)]],
  ])('%s has made an invalid request', (_, requests) => {
    expect(receive('rc', requests)).toMatchObject({ naks: [NAK_CODES.invalidRequest], state: 'ERR', touched: 0 });
  });

  it.each(VIOLATIONS)('%s over an unreliable connection is not heard', (_, requests, touched) => {
    // There, a message that begins ends the one before.
    const begins = requests.length > 1 && ['first', 'only'].includes(requests[1]?.position as string);
    const { state, touched: bytes, drops, outcomes } = receive('uc', requests);
    expect({ state, bytes }).toEqual({ state: 'RTS', bytes: touched });
    if (!begins) expect([drops.brokenMessage, outcomes]).toEqual([1, []]);
  });

  it('a message in a message over an unreliable connection has given the first up', () => {
    expect(receive('uc', [send('first', MTU), send('only', 4)])).toMatchObject({ outcomes: ['1 receive success'] });
  });

  it('what is as it should be is answered', () => {
    const requests = [write('first', MTU, 300), write('last', 44), send('first', MTU), send('last', 4)];
    expect(receive('rc', requests)).toMatchObject({
      naks: [],
      state: 'RTS',
      touched: 300,
      outcomes: ['1 receive success'],
    });
  });
});
