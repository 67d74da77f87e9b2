import { SeededRandom } from 'ibcm/base';
import { PortDriver, UdpPort } from 'ibcm/io';
import type { MemoryRegion, ReceiveRequest, WorkRequest } from 'ibcm/transport';
import type { TransferLoopback, TransferOptions } from './loopback.js';
import { ACCESS_ALL, connectSide, MTU_CODES, openSide, type QueuePairSide } from './queue-pair.js';

/** A queue pair over real sockets, whose user posts requests and polls completions in the driver's turns, as perftest's programs do. */
class User {
  readonly side: QueuePairSide;
  readonly region: MemoryRegion;
  readonly #driver: PortDriver;
  readonly #receive: ReceiveRequest;
  /** What is done with each message that came. */
  onReceive: () => void = () => undefined;
  /** What is done at the end of each request. */
  onSent: () => void = () => undefined;

  private constructor(side: QueuePairSide, driver: PortDriver, data: Uint8Array) {
    this.side = side;
    this.#driver = driver;
    this.region = side.domain.register(data.slice(), { access: ACCESS_ALL });
    this.#receive = { elements: [this.region.element()] };
    const { completions } = side;
    driver.onTurn(() => {
      for (let each = completions.poll(); each !== undefined; each = completions.poll()) {
        if (each.status !== 'success') throw new Error(`a request ended as ${each.status}`);
        if (each.opcode !== 'receive') {
          this.onSent();
          continue;
        }
        this.receive();
        this.onReceive();
      }
    });
  }

  static async open(address: string, data: Uint8Array, { segmentation, depth }: TransferOptions): Promise<User> {
    const side = openSide(address, new SeededRandom(Number(address.split('.').at(-1))), depth);
    const port = await UdpPort.open({ gid: side.gid, segmentation, onWarning: () => undefined });
    return new User(side, new PortDriver(side.adapter, port), data);
  }

  /** Posts a receive, which comes into the region. */
  receive(): void {
    this.side.queues.postReceive(this.#receive);
  }

  send(request: WorkRequest): void {
    this.side.queues.postSend(request, this.#driver.now());
  }

  /** Sends what was posted outside of a turn. */
  wake(): void {
    this.#driver.wake();
  }

  close(): Promise<void> {
    return this.#driver.close();
  }
}

/** Two reliable connected queue pairs. */
export class QueuePairLoopback implements TransferLoopback {
  readonly #client: User;
  readonly #server: User;
  readonly #depth: number;

  private constructor(client: User, server: User, depth: number) {
    this.#client = client;
    this.#server = server;
    this.#depth = depth;
  }

  static async open(options: TransferOptions): Promise<QueuePairLoopback> {
    const { addresses, mtu, depth, data } = options;
    const client = await User.open(addresses[0], data, options);
    const server = await User.open(addresses[1], new Uint8Array(data.length), options);
    connectSide(client.side, server.side, MTU_CODES[mtu]);
    connectSide(server.side, client.side, MTU_CODES[mtu]);
    for (const user of [client, server]) for (let i = 0; i < depth; i += 1) user.receive();
    return new QueuePairLoopback(client, server, depth);
  }

  stream(opcode: 'send' | 'rdmaWrite', count: number): Promise<void> {
    const [client, server] = [this.#client, this.#server];
    const elements = [client.region.element()];
    const { address: remoteAddress, rkey } = server.region;
    const request: WorkRequest = opcode === 'send' ? { opcode, elements } : { opcode, elements, remoteAddress, rkey };
    server.onReceive = () => undefined;
    return new Promise((resolve) => {
      let left = count;
      let toSend = Math.max(0, count - this.#depth);
      client.onSent = () => {
        left -= 1;
        if (left === 0) resolve();
        if (toSend === 0) return;
        toSend -= 1;
        client.send(request);
      };
      for (let i = 0; i < Math.min(count, this.#depth); i += 1) client.send(request);
      client.wake();
    });
  }

  pingPong(count: number): Promise<void> {
    const [client, server] = [this.#client, this.#server];
    const there: WorkRequest = { opcode: 'send', elements: [client.region.element()] };
    const back: WorkRequest = { opcode: 'send', elements: [server.region.element()] };
    client.onSent = () => undefined;
    server.onReceive = () => server.send(back);
    return new Promise((resolve) => {
      let left = count;
      client.onReceive = () => {
        left -= 1;
        if (left === 0) resolve();
        else client.send(there);
      };
      client.send(there);
      client.wake();
    });
  }

  /** @throws when something else has come than was sent. */
  async close(): Promise<void> {
    const [sent, come] = [this.#client, this.#server].map(({ region }) => region.bytes);
    if (sent === undefined || come?.some((each, i) => each !== sent[i])) throw new Error('other data has come');
    await Promise.all([this.#client.close(), this.#server.close()]);
  }
}
