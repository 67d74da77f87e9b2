import { equal } from 'node:assert/strict';
import type { DataPeer } from './data-peer.js';

/**
 * What perftest's programs agree on with `-R`: messages over a connection of their own, as text or big-endian structures. The client says each thing first, the server answers with its own of the
 * same length: the version, two numbers, the MTU, an empty place; then the client makes the connection for data; and both say several times where their memory is, and in the end the results.
 * Whatever is not a place may be said back as it came.
 */

/** A place in memory, as perftest says it: LID, depth of reads, queue pair, PSN, key, address, GID, shared receive queue, and the GID's index. */
const PLACE_BYTES = 56;
const READS_AT = 4;
const KEY_AT = 16;
const ADDRESS_AT = 24;
const READS = 16;
/** What its programs of Debian 12 say. */
const VERSION = '6.06';
const VERSION_BYTES = 16;
const RESULT_BYTES = 8;
/** Of a page and of a cache line. */
const SIZES = ['00001000', '00000040'] as const;

/** Our place, in what has the form of one. */
function placed(form: Uint8Array, { memory }: DataPeer): Buffer {
  const bytes = Buffer.from(form);
  bytes.writeUInt32BE(memory.rkey, KEY_AT);
  bytes.writeBigUInt64BE(BigInt(memory.address), ADDRESS_AT);
  return bytes;
}

/** Where the other side's memory is, as rdma-data-peer would say it: see {@link DataPeer.learn}. */
function learn(peer: DataPeer, said: Uint8Array): void {
  const bytes = Buffer.from(said);
  const place = Buffer.alloc(16);
  bytes.copy(place, 0, ADDRESS_AT, ADDRESS_AT + 8);
  bytes.copy(place, 8, KEY_AT, KEY_AT + 4);
  peer.learn(place);
}

async function say(peer: DataPeer, bytes: Uint8Array): Promise<void> {
  equal((await peer.send(bytes)).status, 'success');
}

/** Our part of a perftest server's talk, until the client disconnects. @param data the connection for data, which comes later. */
export async function servePerftest(talk: DataPeer, data: Promise<DataPeer>): Promise<void> {
  for (let told = 0; ; ) {
    const { status, data: said } = await talk.receive();
    if (status === 'flushed') return;
    equal(status, 'success');
    talk.post(1);
    if (said.length !== PLACE_BYTES || told === 0) {
      await say(talk, said);
    } else {
      const peer = await data;
      learn(peer, said);
      await say(talk, placed(said, peer));
    }
    if (said.length === PLACE_BYTES) told += 1;
  }
}

/** Our part of a perftest client. */
export class PerftestClient {
  readonly #talk: DataPeer;

  constructor(talk: DataPeer) {
    this.#talk = talk;
  }

  /** Says all that comes before the connection for data. @param mtu IBTA's code. */
  async agree(mtu: number): Promise<void> {
    await this.say(Buffer.from(VERSION.padEnd(VERSION_BYTES, '\0')));
    for (const size of SIZES) await this.say(Buffer.from(size, 'hex'));
    await this.say(Buffer.from(`${mtu}\0`));
    await this.say(new Uint8Array(PLACE_BYTES));
  }

  /** Says something. @returns the answer. */
  async say(bytes: Uint8Array): Promise<Uint8Array> {
    await say(this.#talk, bytes);
    const { status, data } = await this.#talk.receive();
    equal(status, 'success');
    equal(data.length, bytes.length);
    this.#talk.post(1);
    return data;
  }

  /** Says where our memory is, and hears where the program's is. */
  async tellPlace(data: DataPeer): Promise<void> {
    const form = Buffer.alloc(PLACE_BYTES);
    form.writeUInt32BE(READS, READS_AT);
    learn(data, await this.say(placed(form, data)));
  }

  /** Says what came of it: numbers, which nobody minds here. */
  async tellResults(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) await this.say(new Uint8Array(RESULT_BYTES));
  }
}
