import type { Server } from 'node:net';
import { Adapter, type ConnectionRequest, type EndpointEvent, type Listener } from 'ibcm';
import { type CaGuid, parseGid } from 'ibcm/base';
import { ChannelAdapter } from 'ibcm/ca';
import { type CaptureFile, CaptureTap, caGuidOf, PortDriver, SecureRandom, UdpPort } from 'ibcm/io';
import { TransportLayer } from 'ibcm/transport';
import { CepConsumer } from './cep-consumer.js';
import { DataPeers } from './data-peer.js';
import { FaultyPort } from './faulty-port.js';
import { listenPingpong } from './pingpong.js';
import { Log, WAIT_SECONDS } from './waiting.js';

/** Reasons for which a transport layer drops data that no peer should have sent us. */
const MALFORMED = ['length', 'opcode', 'pKey', 'qKey', 'source'] as const;

/** Our side of a scenario: an adapter on an address of its own, with everything about it in view. It is what `openAdapter` makes, and a faulty port. */
export class OurSide {
  readonly address: string;
  readonly port: FaultyPort;
  readonly channel: ChannelAdapter;
  readonly transport: TransportLayer;
  readonly adapter: Adapter;
  readonly events = new Log<EndpointEvent>('our side', ({ type }) => type);
  readonly #driver: PortDriver;
  readonly #random = new SecureRandom();

  private constructor(address: string, udp: UdpPort, capture: CaptureFile) {
    const random = this.#random;
    this.address = address;
    this.port = new FaultyPort(new CaptureTap(udp, capture));
    this.transport = new TransportLayer({ random });
    this.channel = new ChannelAdapter({
      caGuid: caGuidOf(parseGid(address)) as CaGuid,
      random,
      ports: [{ gid: parseGid(address) }],
      transport: this.transport,
    });
    this.#driver = new PortDriver(this.channel, this.port);
    this.adapter = new Adapter(this.#driver, { random, onEvent: (event) => this.events.add(event) });
  }

  static async open(address: string, capture: CaptureFile): Promise<OurSide> {
    const onWarning = (warning: string): never => {
      throw new Error(warning);
    };
    return new OurSide(address, await UdpPort.open({ gid: parseGid(address), onWarning }), capture);
  }

  /** A consumer of the manager itself, for what endpoints do not offer. */
  openConsumer(): CepConsumer {
    return new CepConsumer(this.#driver);
  }

  /** Queue pairs whose work requests the scenario posts itself. */
  openDataPeers(): DataPeers {
    const { address, transport } = this;
    return new DataPeers({ driver: this.#driver, transport, random: this.#random, address });
  }

  /** Takes part in libibverbs' pingpong. */
  listenPingpong(
    service: 'rc' | 'uc',
    where: { readonly port: number; readonly bytes: number },
    answer: (message: Uint8Array) => Uint8Array,
  ): Promise<Server> {
    const parts = { driver: this.#driver, transport: this.transport, random: this.#random };
    return listenPingpong(parts, service, { address: this.address, ...where }, answer);
  }

  /** Waits for an event of the endpoints. */
  event(type: EndpointEvent['type'], seconds = WAIT_SECONDS): Promise<EndpointEvent> {
    return this.events.find(type, (event) => event.type === type, seconds);
  }

  /** Datagrams that were dropped as no hardware would have sent them: wrong ICRC, length, and so on, unless it was done on purpose. */
  get badPackets(): string[] {
    const expected: Readonly<Record<string, number>> = { icrc: this.port.damagedForUs };
    const ofAdapter = Object.entries(this.channel.drops).filter(
      // To queue pairs that are gone, or are not ours to move: data that comes late.
      ([reason, count]) => reason !== 'noQueuePair' && count !== (expected[reason] ?? 0),
    );
    const { drops } = this.transport.counters;
    const ofTransport = MALFORMED.map((reason) => [reason, drops[reason]] as const).filter(([, count]) => count > 0);
    return [...ofAdapter, ...ofTransport].map(([reason, count]) => `${count} × ${reason}`);
  }
}

/** The next request of a listener. */
export async function nextRequest(listener: Listener): Promise<ConnectionRequest> {
  for await (const request of listener) return request;
  throw new Error('the listener was closed');
}
