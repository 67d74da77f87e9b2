import { type Cid, copyOf, type Instant, parseGid } from 'ibcm/base';
import type { CepEvent, CepOwner } from 'ibcm/cep';
import type { PortDriver } from 'ibcm/io';
import { type CmMad, decodeMad, encodeIpCmHeader, IP_CM_HEADER_BYTES, MAD_BYTES, serviceIdOfPort } from 'ibcm/wire';
import type { Stage } from './stage.js';
import { Log, WAIT_SECONDS } from './waiting.js';

/** The exponent of 4.3 s. */
const RESPONSE_TIMEOUT = 20;

export interface ConsumedEvent {
  readonly type: CepEvent['type'];
  readonly cid: Cid;
  readonly mad: CmMad | undefined;
}

/** A consumer of the manager of CEPs: keeps the events, decoded. */
export class CepConsumer {
  readonly owner: CepOwner;
  readonly events = new Log<ConsumedEvent>('our consumer', ({ type }) => type);
  readonly #driver: PortDriver;

  constructor(driver: PortDriver) {
    this.#driver = driver;
    this.owner = driver.adapter.cep.openOwner();
    driver.onTurn(() => this.#poll());
  }

  /** Runs a call on the manager, and sends what comes of it. */
  command<T>(call: (owner: CepOwner, now: Instant) => T): T {
    try {
      return call(this.owner, this.#driver.now());
    } finally {
      this.#driver.wake();
    }
  }

  event(type: CepEvent['type'], seconds = WAIT_SECONDS): Promise<ConsumedEvent> {
    return this.events.find(type, (event) => event.type === type, seconds);
  }

  #poll(): void {
    for (let event = this.owner.pollEvent(); event !== undefined; event = this.owner.pollEvent()) {
      const { type, cid, hasMessage, bytes, at } = event;
      const mad = hasMessage ? decodeMad(copyOf(bytes, at, at + MAD_BYTES)) : undefined;
      this.events.add({ type, cid, mad: mad instanceof Error ? undefined : mad });
    }
  }
}

/** Sends the REQ that an endpoint would send. @returns the CEP, which the consumer's own calls lead from there. */
export function requestAsEndpointsDo({ us, family, linuxAddress, port }: Stage, consumer: CepConsumer): Cid {
  const localGid = parseGid(us.address);
  const remoteGid = parseGid(linuxAddress);
  const privateData = new Uint8Array(IP_CM_HEADER_BYTES);
  const ipVersion = family === 'IPv4' ? 4 : 6;
  encodeIpCmHeader({ ipVersion, source: localGid, destination: remoteGid, sourcePort: 40_000 }, privateData);
  return consumer.command((owner, now) => {
    const cid = owner.create();
    owner.sendReq(
      cid,
      {
        path: { port: 1, localGid, remoteGid },
        serviceId: serviceIdOfPort('tcp', port),
        qpn: 0x4712,
        startingPsn: 1,
        // For Linux as for us.
        remoteCmResponseTimeout: RESPONSE_TIMEOUT,
        localCmResponseTimeout: RESPONSE_TIMEOUT,
        privateData,
      },
      now,
    );
    return cid;
  });
}
