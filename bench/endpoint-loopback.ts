import { type Connection, openAdapter, type RemoteMemory } from 'ibcm';
import type { TransferLoopback, TransferOptions } from './loopback.js';

/** A connection of two adapters, whose users wait for each message to be done. */
export class EndpointLoopback implements TransferLoopback {
  readonly #client: Connection;
  readonly #server: Connection;
  readonly #data: Uint8Array;
  readonly #depth: number;
  readonly #region: RemoteMemory;
  readonly #closeAdapters: () => Promise<unknown>;

  private constructor(
    client: Connection,
    server: Connection,
    { data, depth }: TransferOptions,
    closeAdapters: () => Promise<unknown>,
  ) {
    this.#client = client;
    this.#server = server;
    this.#data = data;
    this.#depth = depth;
    this.#region = server.register(data.slice(), { remoteWrite: true });
    this.#closeAdapters = closeAdapters;
  }

  static async open(options: TransferOptions): Promise<EndpointLoopback> {
    const { addresses, segmentation, mtu, depth } = options;
    const [client, server] = await Promise.all(addresses.map((address) => openAdapter({ address, segmentation })));
    if (client === undefined || server === undefined) throw new Error('two addresses are needed');
    const listener = await server.listen({ port: 1 });
    const connecting = client.connect({ host: server.address, port: 1, mtu, sends: depth });
    const { value: request } = await listener[Symbol.asyncIterator]().next();
    if (request === undefined) throw new Error('nobody asked');
    const [theirs, ours] = await Promise.all([request.accept({ receives: depth }), connecting]);
    return new EndpointLoopback(ours, theirs, options, () => Promise.all([client.close(), server.close()]));
  }

  async stream(opcode: 'send' | 'rdmaWrite', count: number): Promise<void> {
    const [client, region, data] = [this.#client, this.#region, this.#data];
    if (opcode === 'rdmaWrite') return this.#many(count, () => client.write(region, data));
    const drained = drain(this.#server, count);
    await this.#many(count, () => client.send(data));
    await drained;
  }

  async pingPong(count: number): Promise<void> {
    const answering = (async () => {
      for (let i = 0; i < count; i += 1) {
        await this.#server.receive();
        void this.#server.send(this.#data);
      }
    })();
    for (let i = 0; i < count; i += 1) {
      void this.#client.send(this.#data);
      await this.#client.receive();
    }
    await answering;
  }

  async close(): Promise<void> {
    await this.#client.disconnect();
    await this.#closeAdapters();
  }

  async #many(count: number, one: () => Promise<unknown>): Promise<void> {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await one();
      }
    };
    await Promise.all(Array.from({ length: this.#depth }, lane));
  }
}

async function drain(connection: Connection, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await connection.receive();
}
