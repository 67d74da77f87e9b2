import { equal, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataOptions, DataPeer } from './data-peer.js';
import { WAIT_SECONDS } from './waiting.js';

/**
 * rsockets: a stream over a connection. Each side says in its private data where its receive buffer is and where it wants to hear of the other's. A sender writes into the receiver's buffer, and the immediate
 * data of the write says how much. A receiver that has emptied half of its buffer writes where that half is into the sender's list. Memory that is mapped beside the stream is written to, and nothing is said.
 */

const VERSION = 1;
/** It can map memory. That its numbers are big-endian, it does not say. */
const FLAGS = 2;
/** In private data: the version, flags, credits, places to map memory, a place for two buffers, and the first buffer. */
const INTRODUCTION = { credits: 2, maps: 7, list: 8, buffer: 24, bytes: 40 } as const;
/** Address, key, length. */
const PLACE_BYTES = 16;
/** Buffers that the other side tells of, by turns. */
const PLACES = 2;
/** The upper three bits of immediate data; the others hold a number. */
const OPERATION = { data: 0, credits: 4, mapping: 6, control: 7 } as const;
const NUMBER_BITS = 29;
const NUMBER_MAX = 2 ** NUMBER_BITS;
/** The number of a control message. */
const DISCONNECT = 0;

/** Where what is in our memory: the other side's buffers, its mapped memory, our receive buffer, what we map. */
const MAPPING_AT = PLACES * PLACE_BYTES;
const MAPPING_BYTES = 24;
const BUFFER_AT = 64;
const HALF_BYTES = 131_072;
const BUFFER_BYTES = 2 * HALF_BYTES;
const MAPPED_AT = BUFFER_AT + BUFFER_BYTES;
const RECEIVES = 64;
/** The first write, from which they grow, so that writing begins early. */
const FIRST_WRITE_BYTES = 2_048;
const WRITE_BYTES_MAX = 65_536;
const WRITES_AT_ONCE = 32;
const LOOK_MS = 5;

interface Place {
  readonly address: bigint;
  readonly rkey: number;
  readonly length: number;
}

/** Options for a connection that {@link RSocket} can use. @param mappedBytes of memory that the other side may map. */
export const rsocketOptions = (mappedBytes = 0): DataOptions => ({
  memoryBytes: MAPPED_AT + mappedBytes,
  receives: RECEIVES,
  receiveBytes: PLACE_BYTES,
  introduce: introductionOf,
});

/** Empties memory: nothing that is there in the beginning is a place of the peer's. @returns what the peer is to know. */
function introductionOf({ memory }: DataPeer): Uint8Array {
  memory.bytes.fill(0);
  const bytes = Buffer.alloc(INTRODUCTION.bytes);
  bytes.writeUInt8(VERSION);
  bytes.writeUInt8(FLAGS, 1);
  bytes.writeUInt16BE(RECEIVES, INTRODUCTION.credits);
  bytes.writeUInt8(1, INTRODUCTION.maps);
  const tell = (at: number, offset: number, length: number): void => {
    bytes.writeBigUInt64BE(BigInt(memory.address + offset), at);
    bytes.writeUInt32BE(memory.rkey, at + 8);
    bytes.writeUInt32BE(length, at + 12);
  };
  tell(INTRODUCTION.list, 0, PLACES);
  tell(INTRODUCTION.buffer, BUFFER_AT, HALF_BYTES);
  return bytes;
}

/** Our end of a stream. Who uses it does one thing at a time. */
export class RSocket {
  readonly #peer: DataPeer;
  readonly #memory: Buffer;
  /** The other side's list of our buffers, and its place for what we map. */
  readonly #list: Place;
  #ended = false;
  // What we send: which of the other side's buffers is next, how many messages went, and may go.
  #target = 0;
  #sent = 0;
  #mayHaveSent: number;
  // What we receive: bytes that have come, message by message; where the first is; bytes that are free and not yet told of, from where on.
  readonly #arrived: number[] = [];
  #at = 0;
  #free = HALF_BYTES;
  #freeAt = HALF_BYTES;
  #received = 0;
  #tellAt = RECEIVES / 2;
  #tellTo = 1;

  constructor(peer: DataPeer) {
    const said = Buffer.from(peer.said);
    equal(said.readUInt8(), VERSION, 'the version of rsockets');
    equal(said.readUInt8(1), FLAGS, 'what it can');
    this.#peer = peer;
    this.#memory = Buffer.from(peer.memory.bytes.buffer, peer.memory.bytes.byteOffset, peer.memory.bytes.length);
    this.#mayHaveSent = said.readUInt16BE(INTRODUCTION.credits);
    const place = (at: number): Place => ({
      address: said.readBigUInt64BE(at),
      rkey: said.readUInt32BE(at + 8),
      length: said.readUInt32BE(at + 12),
    });
    this.#list = place(INTRODUCTION.list);
    this.#setTarget(0, place(INTRODUCTION.buffer));
  }

  /** Memory that the other side may write to once it is mapped. */
  get mapped(): Buffer {
    return this.#memory.subarray(MAPPED_AT);
  }

  async send(bytes: Uint8Array): Promise<void> {
    await this.#giveCredits();
    let writes: Promise<void>[] = [];
    let size = FIRST_WRITE_BYTES;
    for (let at = 0; at < bytes.length; ) {
      while (this.#sent === this.#mayHaveSent || this.#targetNow().length === 0) await this.#take();
      const { address, rkey, length } = this.#targetNow();
      const count = Math.min(size, length, bytes.length - at);
      this.#setTarget(this.#target, { address: address + BigInt(count), rkey, length: length - count });
      if (length === count) this.#target = (this.#target + 1) % PLACES;
      this.#sent = (this.#sent + 1) & 0xffff;
      writes.push(this.#write(bytes.subarray(at, at + count), { address, rkey }, [OPERATION.data, count]));
      if (writes.length === WRITES_AT_ONCE) {
        await Promise.all(writes);
        writes = [];
      }
      at += count;
      size = Math.min(2 * size, WRITE_BYTES_MAX);
    }
    await Promise.all(writes);
  }

  async receive(count: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; ) {
      const [first] = this.#arrived;
      if (first === undefined) {
        ok(!this.#ended, `the stream ended after ${at} of ${count} bytes`);
        await this.#giveCredits();
        await this.#take();
        continue;
      }
      const taken = Math.min(first, count - at, BUFFER_BYTES - this.#at);
      this.#memory.copy(bytes, at, BUFFER_AT + this.#at, BUFFER_AT + this.#at + taken);
      at += taken;
      this.#at = (this.#at + taken) % BUFFER_BYTES;
      this.#free += taken;
      if (taken < first) {
        this.#arrived[0] = first - taken;
      } else {
        this.#arrived.shift();
        this.#received = (this.#received + 1) & 0xffff;
      }
    }
    return bytes;
  }

  /** The other side may write to {@link mapped} from now on. */
  async map(): Promise<void> {
    while (this.#sent === this.#mayHaveSent) await this.#take();
    const { memory } = this.#peer;
    const mapping = Buffer.alloc(MAPPING_BYTES);
    // For its offset 0.
    writePlace(mapping, 8, {
      address: BigInt(memory.address + MAPPED_AT),
      rkey: memory.rkey,
      length: this.mapped.length,
    });
    const { address, rkey, length } = this.#list;
    const to = { address: address + BigInt(length * PLACE_BYTES), rkey };
    this.#sent = (this.#sent + 1) & 0xffff;
    await this.#write(mapping, to, [OPERATION.mapping, 0]);
  }

  /** Writes to the memory that the other side has mapped, from its beginning. */
  async writeMapped(bytes: Uint8Array): Promise<void> {
    const offset = this.#memory.readBigUInt64LE(MAPPING_AT);
    const { address, rkey, length } = readPlace(this.#memory, MAPPING_AT + 8);
    equal(offset, 0n);
    ok(length >= bytes.length, `${length} bytes are mapped`);
    await this.#write(bytes, { address, rkey });
  }

  /** Waits until the other side has written something to {@link mapped}. */
  async untilMapped(at: number, byte: number): Promise<void> {
    const end = performance.now() + WAIT_SECONDS * 1_000;
    while (this.mapped[at] !== byte) {
      ok(performance.now() < end, `byte ${at} of mapped memory is ${this.mapped[at]}, and should become ${byte}`);
      await sleep(LOOK_MS);
    }
  }

  /** Waits until the other side has said that it will send no more, and the connection has ended. */
  async ended(): Promise<void> {
    while (!this.#ended) await this.#take();
    await this.#peer.ended();
  }

  /** Takes the next message. */
  async #take(): Promise<void> {
    const { status, immediate = 0 } = await this.#peer.receive();
    equal(status, 'success');
    this.#peer.post(1);
    const number = immediate % NUMBER_MAX;
    switch (immediate >>> NUMBER_BITS) {
      case OPERATION.data:
        this.#arrived.push(number);
        return;
      case OPERATION.credits:
        this.#mayHaveSent = number & 0xffff;
        return;
      case OPERATION.mapping:
        return;
      case OPERATION.control:
        equal(number, DISCONNECT);
        this.#ended = true;
        return;
      default:
        throw new Error(`rsockets have no operation for ${immediate.toString(16)}`);
    }
  }

  /** Tells the other side of half of our buffer, or of receives, when it is free. */
  async #giveCredits(): Promise<void> {
    const isHalfFree = this.#free >= HALF_BYTES;
    const behind = ((this.#received - this.#tellAt) << 16) >> 16;
    if (this.#ended || !(isHalfFree || behind >= 0)) return;
    this.#tellAt = this.#received + RECEIVES / 2;
    const credits = [OPERATION.credits, (this.#received + RECEIVES) & 0xffff] as const;
    if (!isHalfFree) {
      await this.#write(new Uint8Array(), { address: 0n, rkey: 0 }, credits);
      return;
    }
    const { memory } = this.#peer;
    const half = Buffer.alloc(PLACE_BYTES);
    const address = BigInt(memory.address + BUFFER_AT + this.#freeAt);
    writePlace(half, 0, { address, rkey: memory.rkey, length: HALF_BYTES });
    this.#free -= HALF_BYTES;
    this.#freeAt = (this.#freeAt + HALF_BYTES) % BUFFER_BYTES;
    const to = { address: this.#list.address + BigInt(this.#tellTo * PLACE_BYTES), rkey: this.#list.rkey };
    this.#tellTo = (this.#tellTo + 1) % this.#list.length;
    await this.#write(half, to, credits);
  }

  /** The other side may have had all that it wants, and end the connection before its acknowledgement has come: it says itself whether it had. */
  async #write(
    memory: Uint8Array,
    { address, rkey }: Pick<Place, 'address' | 'rkey'>,
    message?: readonly [operation: number, number: number],
  ): Promise<void> {
    const { status } = await this.#peer.do({
      opcode: 'rdmaWrite',
      memory,
      remoteAddress: address,
      rkey,
      ...(message && { immediate: message[0] * NUMBER_MAX + message[1] }),
    });
    ok(status === 'success' || status === 'flushed', status);
  }

  #targetNow(): Place {
    return readPlace(this.#memory, this.#target * PLACE_BYTES);
  }

  #setTarget(index: number, place: Place): void {
    writePlace(this.#memory, index * PLACE_BYTES, place);
  }
}

const readPlace = (bytes: Buffer, at: number): Place => ({
  address: bytes.readBigUInt64LE(at),
  rkey: bytes.readUInt32LE(at + 8),
  length: bytes.readUInt32LE(at + 12),
});

function writePlace(bytes: Buffer, at: number, { address, rkey, length }: Place): void {
  bytes.writeBigUInt64LE(address, at);
  bytes.writeUInt32LE(rkey, at + 8);
  bytes.writeUInt32LE(length, at + 12);
}
