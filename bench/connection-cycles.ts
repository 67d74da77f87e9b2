import { type CaGuid, parseGid, type ServiceId } from 'ibcm/base';
import { ChannelAdapter } from 'ibcm/ca';
import type { CepOwner } from 'ibcm/cep';
import { PortDriver, SecureRandom, type SocketOptions, UdpPort } from 'ibcm/io';

const SERVICE = 0x0106_1d2fn as ServiceId;
/** Exponents of times: timewait is over at once. */
const SOON = 1;
/** Nothing but the network holds anybody back. */
const LIMITS = { maxCeps: 2 ** 18, maxRequestsPerSecond: Number.POSITIVE_INFINITY };
/** Queue pair numbers are used again after all others: those before are in timewait for a moment. */
const QPNS = 2 ** 20;
const FIRST_QPN = 0x100;

const qpnOf = (count: number): number => FIRST_QPN + (count % QPNS);

/** A connection manager with its socket. */
async function openSide(address: string, options: SocketOptions): Promise<{ driver: PortDriver; owner: CepOwner }> {
  const gid = parseGid(address);
  const random = new SecureRandom();
  const caGuid = BigInt(random.uint32() + 1) as CaGuid;
  const adapter = new ChannelAdapter({ caGuid, random, ports: [{ gid }], limits: LIMITS });
  const port = await UdpPort.open({ gid, onWarning: () => undefined, ...options });
  return { driver: new PortDriver(adapter, port), owner: adapter.cep.openOwner() };
}

/** Who accepts every connection, and lets it end. */
export class Acceptor {
  readonly #driver: PortDriver;

  private constructor(driver: PortDriver) {
    this.#driver = driver;
  }

  static async open(address: string, options: SocketOptions): Promise<Acceptor> {
    const { driver, owner } = await openSide(address, options);
    let accepted = 0;
    owner.listen(owner.create(), { serviceId: SERVICE, backlog: 2 ** 16 }, driver.now());
    driver.onTurn(() => {
      const now = driver.now();
      for (let event = owner.pollEvent(); event !== undefined; event = owner.pollEvent()) {
        if (event.type === 'req_received') {
          accepted += 1;
          owner.sendRep(event.cid, { qpn: qpnOf(accepted), startingPsn: 2, targetAckDelay: SOON }, now);
        } else if (event.type === 'dreq_received') {
          owner.sendDrep(event.cid, {}, now);
          owner.destroy(event.cid, now);
        }
      }
    });
    return new Acceptor(driver);
  }

  close(): Promise<void> {
    return this.#driver.close();
  }
}

/** Who connects and disconnects, any number of times at once. */
export class Connector {
  /** A connection has been there and is gone: the number that {@link begin} was given. */
  onDone: (tag: number) => void = () => undefined;
  /** A connection is established: the client has its REP. */
  onEstablished: (tag: number) => void = () => undefined;
  readonly #driver: PortDriver;
  readonly #owner: CepOwner;
  readonly #path: { localGid: Uint8Array; remoteGid: Uint8Array; packetLife: number };
  /** By CID. */
  readonly #tags = new Map<number, number>();
  #begun = 0;

  private constructor(driver: PortDriver, owner: CepOwner, from: string, to: string) {
    this.#driver = driver;
    this.#owner = owner;
    this.#path = { localGid: parseGid(from), remoteGid: parseGid(to), packetLife: SOON };
    driver.onTurn(() => this.#poll());
  }

  static async open(address: string, to: string, options: SocketOptions): Promise<Connector> {
    const { driver, owner } = await openSide(address, options);
    return new Connector(driver, owner, address, to);
  }

  /** A connection begins. Within {@link onDone} nothing else is to be done, else {@link wake} follows. */
  begin(tag: number): void {
    const owner = this.#owner;
    const cid = owner.create();
    this.#tags.set(cid, tag);
    this.#begun += 1;
    const qpn = qpnOf(this.#begun);
    owner.sendReq(cid, { path: this.#path, serviceId: SERVICE, qpn, startingPsn: 1 }, this.#driver.now());
  }

  wake(): void {
    this.#driver.wake();
  }

  /** So many connections, so many at once. */
  run(count: number, depth: number): Promise<void> {
    return new Promise((resolve) => {
      let begun = 0;
      let done = 0;
      const begin = (): void => {
        if (begun === count) return;
        begun += 1;
        this.begin(begun);
      };
      this.onDone = () => {
        done += 1;
        if (done === count) resolve();
        else begin();
      };
      for (let i = 0; i < depth; i += 1) begin();
      this.wake();
    });
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  #poll(): void {
    const owner = this.#owner;
    const now = this.#driver.now();
    for (let event = owner.pollEvent(); event !== undefined; event = owner.pollEvent()) {
      const { cid, type } = event;
      if (type === 'rep_received') {
        owner.sendRtu(cid, {}, now);
        this.onEstablished(this.#tags.get(cid) ?? 0);
        owner.sendDreq(cid, {}, now);
      } else if (type === 'drep_received') {
        owner.destroy(cid, now);
        const tag = this.#tags.get(cid) ?? 0;
        this.#tags.delete(cid);
        this.onDone(tag);
      } else if (type !== 'timewait_exit') {
        throw new Error(`${type} (${event.cause}) was not expected`);
      }
    }
  }
}
