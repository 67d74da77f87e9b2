import { formatAddress, GSI_QPN } from '../../base/index.js';
import { CM_PACKET_BYTES } from '../../ca/index.js';
import {
  bytesOf,
  calendarNow,
  PortWrapper,
  type ReceivedDatagram,
  type RocePort,
  type SentDatagram,
} from '../../io/index.js';
import {
  ATTRIBUTE_ID,
  BTH,
  BTH_BYTES,
  DETH_BYTES,
  MESSAGE_NAMES,
  type MessageName,
  messageNumberOf,
} from '../../wire/index.js';

/** A CM message that passed one of the adapter's ports. */
export interface TracedMessage {
  /** In microseconds since 1970. */
  readonly timeUs: number;
  readonly message: MessageName;
  readonly sent: boolean;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly sourcePort: number;
  readonly trafficClass: number;
  /** The UDP payload: BTH, DETH, MAD, ICRC. */
  readonly packet: Uint8Array;
}

/** Where the MAD begins in a {@link TracedMessage.packet}. */
export const MAD_AT = BTH_BYTES + DETH_BYTES;

type Watcher = (message: TracedMessage) => void;

/** Shows CM messages to whoever watches. As long as nobody does, a datagram costs one comparison. */
export class MessageTrace {
  readonly #watchers = new Set<Watcher>();

  /** @returns what ends the watching. */
  watch(watcher: Watcher): () => void {
    const own: Watcher = (message) => watcher(message);
    this.#watchers.add(own);
    return () => this.#watchers.delete(own);
  }

  /** The same port, watched. */
  tap(port: RocePort): RocePort {
    return new TracedPort(port, this);
  }

  /** Whether anybody watches. */
  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** @internal For the ports. */
  see(passed: Passed): void {
    const message = messageIn(passed.bytes);
    if (message === undefined) return;
    const { sent, localGid, remoteGid, sourcePort, trafficClass, bytes } = passed;
    const traced: TracedMessage = {
      timeUs: calendarNow() * 1_000,
      message,
      sent,
      localAddress: formatAddress(localGid),
      remoteAddress: formatAddress(remoteGid),
      sourcePort,
      trafficClass,
      packet: bytes.slice(),
    };
    for (const watch of this.#watchers) watch(traced);
  }
}

interface Passed {
  readonly sent: boolean;
  readonly localGid: Uint8Array;
  readonly remoteGid: Uint8Array;
  readonly sourcePort: number;
  readonly trafficClass: number;
  readonly bytes: Uint8Array;
}

/** The name of the CM message in a packet; undefined if it is something else, such as data. */
function messageIn(bytes: Uint8Array): MessageName | undefined {
  if (bytes.length !== CM_PACKET_BYTES || BTH.destinationQpn.get(bytes, 0) !== GSI_QPN) return undefined;
  return MESSAGE_NAMES[messageNumberOf(ATTRIBUTE_ID.get(bytes, MAD_AT))];
}

class TracedPort extends PortWrapper {
  readonly #trace: MessageTrace;

  constructor(port: RocePort, trace: MessageTrace) {
    super(port);
    this.#trace = trace;
  }

  override send(datagram: SentDatagram): void {
    if (this.#trace.isWatched) {
      const { path, sourcePort } = datagram;
      const { remoteGid, trafficClass } = path;
      this.#trace.see({
        sent: true,
        localGid: this.gid,
        remoteGid,
        sourcePort,
        trafficClass,
        bytes: bytesOf(datagram),
      });
    }
    super.send(datagram);
  }

  protected override receive(datagram: ReceivedDatagram): void {
    if (this.#trace.isWatched) {
      const { remoteGid, sourcePort } = datagram;
      this.#trace.see({
        sent: false,
        localGid: this.gid,
        remoteGid,
        sourcePort,
        trafficClass: 0,
        bytes: bytesOf(datagram),
      });
    }
    super.receive(datagram);
  }
}
