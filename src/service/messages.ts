/** Made from proto/ibcm/v1/ibcm.proto by scripts/service-messages.js; what the messages mean is said there. */

export interface ClientMessageBody {
  readonly hello: Hello;
  readonly cancel: Nothing;
  readonly connect: Connect;
  readonly listen: Listen;
  readonly nextRequest: Handle;
  readonly accept: Accept;
  readonly reject: Reject;
  readonly queryRequest: Handle;
  readonly disconnect: Disconnect;
  readonly queryConnection: Handle;
  readonly lookup: Ask;
  readonly listenDatagram: Listen;
  readonly nextLookup: Handle;
  readonly acceptLookup: AcceptLookup;
  readonly rejectLookup: RejectLookup;
  readonly openSocket: OpenSocket;
  readonly close: Handle;
  readonly send: Send;
  readonly sendDatagram: SendDatagram;
  readonly receive: Handle;
  readonly receiveDatagram: Handle;
  readonly write: Write;
  readonly read: Read;
  readonly fetchAdd: FetchAdd;
  readonly compareSwap: CompareSwap;
  readonly register: Register;
  readonly readMemory: ReadMemory;
  readonly writeMemory: WriteMemory;
}

export interface ClientMessage extends Partial<ClientMessageBody> {
  readonly callId: number;
  readonly deadlineMs?: number | undefined;
  /** Which of the others there is. */
  readonly body?: keyof ClientMessageBody | undefined;
}

export interface ServerMessageBody {
  readonly answer: Answer;
  readonly event: Event;
  readonly farewell: Failure;
}

export interface ServerMessage extends Partial<ServerMessageBody> {
  /** Which of the others there is. */
  readonly body?: keyof ServerMessageBody | undefined;
}

export interface AnswerResult {
  readonly error: Failure;
  readonly hello: Welcome;
  readonly connect: Connection;
  readonly listen: Listener;
  readonly nextRequest: NextRequest;
  readonly accept: Connection;
  readonly reject: Nothing;
  readonly queryRequest: RequestStatus;
  readonly disconnect: Disconnected;
  readonly queryConnection: ConnectionStatus;
  readonly lookup: DatagramService;
  readonly listenDatagram: Listener;
  readonly nextLookup: NextLookup;
  readonly acceptLookup: ServiceQueuePair;
  readonly rejectLookup: Nothing;
  readonly openSocket: Socket;
  readonly close: Nothing;
  readonly send: Nothing;
  readonly sendDatagram: Nothing;
  readonly receive: Received;
  readonly receiveDatagram: ReceivedDatagram;
  readonly write: Nothing;
  readonly read: Bytes;
  readonly fetchAdd: Word64;
  readonly compareSwap: Word64;
  readonly register: Region;
  readonly readMemory: Bytes;
  readonly writeMemory: Nothing;
}

export interface Answer extends Partial<AnswerResult> {
  readonly callId: number;
  /** Which of the others there is. */
  readonly result?: keyof AnswerResult | undefined;
}

export interface EventBody {
  readonly closed: ConnectionClosed;
  readonly timewaitExit: Nothing;
  readonly released: Released;
}

export interface Event extends Partial<EventBody> {
  readonly handle: number;
  /** Which of the others there is. */
  readonly body?: keyof EventBody | undefined;
}

export type Nothing = Readonly<Record<string, never>>;

export interface Handle {
  readonly handle: number;
}

export interface Failure {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly details: readonly Detail[];
}

export interface DetailValue {
  readonly text: string;
  readonly number: number;
  readonly integer: bigint;
  readonly flag: boolean;
  readonly bytes: Uint8Array;
}

export interface Detail extends Partial<DetailValue> {
  readonly name: string;
  /** Which of the others there is. */
  readonly value?: keyof DetailValue | undefined;
}

export interface Hello {
  readonly name: string;
  readonly pid?: number | undefined;
}

export interface Welcome {
  readonly client: number;
  readonly addresses: readonly string[];
  readonly limits: Limits;
}

export interface Limits {
  readonly ceps: number;
  readonly listens: number;
  readonly memoryBytes: number;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly waiting: number;
}

export interface Connect {
  readonly host: string;
  readonly port: number;
  readonly from?: string | undefined;
  readonly privateData?: Uint8Array | undefined;
  readonly trafficClass?: number | undefined;
  readonly pKey?: number | undefined;
  readonly sourcePort?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly responseTimeoutMs?: number | undefined;
  readonly retries?: number | undefined;
  readonly ackTimeout?: number | undefined;
  readonly mtu?: number | undefined;
  readonly retryCount?: number | undefined;
  readonly qpn?: number | undefined;
  readonly startingPsn?: number | undefined;
  readonly responderResources?: number | undefined;
  readonly initiatorDepth?: number | undefined;
  readonly rnrRetryCount?: number | undefined;
  readonly receives?: number | undefined;
  readonly receiveBytes?: number | undefined;
  readonly sends?: number | undefined;
  readonly keepAliveMs?: number | undefined;
}

export interface Ask {
  readonly host: string;
  readonly port: number;
  readonly from?: string | undefined;
  readonly privateData?: Uint8Array | undefined;
  readonly trafficClass?: number | undefined;
  readonly pKey?: number | undefined;
  readonly sourcePort?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly responseTimeoutMs?: number | undefined;
  readonly retries?: number | undefined;
}

export interface Listen {
  readonly port: number;
  readonly address?: string | undefined;
  readonly backlog?: number | undefined;
}

export interface Listener {
  readonly handle: number;
  readonly addresses: readonly string[];
}

export interface NextRequest {
  readonly request?: Request | undefined;
}

export interface Request {
  readonly handle: number;
  readonly cid: number;
  readonly remote: ConnectionEnd;
  readonly local: RequestEnd;
  readonly privateData: Uint8Array;
}

export interface RequestEnd {
  readonly address: string;
  readonly port: number;
  readonly commId: number;
}

export interface RequestStatus {
  readonly isPending: boolean;
}

export interface Accept {
  readonly handle: number;
  readonly privateData?: Uint8Array | undefined;
  readonly timeoutMs?: number | undefined;
  readonly responseTimeoutMs?: number | undefined;
  readonly retries?: number | undefined;
  readonly qpn?: number | undefined;
  readonly startingPsn?: number | undefined;
  readonly responderResources?: number | undefined;
  readonly initiatorDepth?: number | undefined;
  readonly rnrRetryCount?: number | undefined;
  readonly receives?: number | undefined;
  readonly receiveBytes?: number | undefined;
  readonly sends?: number | undefined;
  readonly keepAliveMs?: number | undefined;
}

export interface Reject {
  readonly handle: number;
  readonly reason?: number | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface ConnectionEnd {
  readonly address: string;
  readonly port: number;
  readonly qpn: number;
  readonly startingPsn: number;
  readonly commId: number;
}

export interface Connection {
  readonly handle: number;
  readonly cid: number;
  readonly role: string;
  readonly local: ConnectionEnd;
  readonly remote: ConnectionEnd;
  readonly responderResources: number;
  readonly initiatorDepth: number;
  readonly privateData: Uint8Array;
  readonly hasQueuePair: boolean;
}

export interface ConnectionStatus {
  readonly role: string;
  readonly local: ConnectionEnd;
  readonly remote: ConnectionEnd;
  readonly responderResources: number;
  readonly initiatorDepth: number;
  readonly privateData: Uint8Array;
  readonly state?: string | undefined;
  readonly closeCause?: string | undefined;
  readonly queuePairState: string;
  readonly attributes: QueuePairAttributes;
}

export interface QueuePairAttributes {
  readonly pKey?: number | undefined;
  readonly port?: number | undefined;
  readonly qKey?: number | undefined;
  readonly accessFlags?: number | undefined;
  readonly path?: AddressVector | undefined;
  readonly alternatePath?: AddressVector | undefined;
  readonly mtu?: number | undefined;
  readonly destinationQpn?: number | undefined;
  readonly receivePsn?: number | undefined;
  readonly sendPsn?: number | undefined;
  readonly responderResources?: number | undefined;
  readonly initiatorDepth?: number | undefined;
  readonly minRnrTimer?: number | undefined;
  readonly ackTimeout?: number | undefined;
  readonly alternateAckTimeout?: number | undefined;
  readonly retryCount?: number | undefined;
  readonly rnrRetryCount?: number | undefined;
}

export interface AddressVector {
  readonly port: number;
  readonly localGid: Uint8Array;
  readonly remoteGid: Uint8Array;
  readonly trafficClass: number;
  readonly sourcePort: number;
  readonly flowLabel?: number | undefined;
  readonly hopLimit?: number | undefined;
  readonly sl?: number | undefined;
}

export interface Disconnect {
  readonly handle: number;
  readonly privateData?: Uint8Array | undefined;
  readonly timeoutMs?: number | undefined;
  readonly responseTimeoutMs?: number | undefined;
  readonly retries?: number | undefined;
}

export interface Disconnected {
  readonly cause: string;
}

export interface ConnectionClosed {
  readonly cause: string;
  readonly privateData?: Uint8Array | undefined;
}

export interface Released {
  readonly final: ConnectionStatus;
}

export interface DatagramService {
  readonly address: string;
  readonly port: number;
  readonly qpn: number;
  readonly qKey: number;
  readonly privateData: Uint8Array;
}

export interface NextLookup {
  readonly request?: LookupRequest | undefined;
}

export interface LookupRequest {
  readonly handle: number;
  readonly cid: number;
  readonly remote: HostPort;
  readonly local: HostPort;
  readonly privateData: Uint8Array;
  readonly pKey: number;
}

export interface HostPort {
  readonly address: string;
  readonly port: number;
}

export interface AcceptLookup {
  readonly handle: number;
  readonly qpn?: number | undefined;
  readonly qKey?: number | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface RejectLookup {
  readonly handle: number;
  readonly status?: number | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface ServiceQueuePair {
  readonly qpn: number;
  readonly qKey: number;
}

export interface OpenSocket {
  readonly address?: string | undefined;
  readonly qKey?: number | undefined;
  readonly pKey?: number | undefined;
  readonly receives?: number | undefined;
  readonly receiveBytes?: number | undefined;
  readonly sends?: number | undefined;
}

export interface Socket {
  readonly handle: number;
  readonly address: string;
  readonly qKey: number;
  readonly qpn: number;
}

export interface Send {
  readonly handle: number;
  readonly data: Uint8Array;
  readonly immediate?: number | undefined;
}

export interface SendDatagram {
  readonly handle: number;
  readonly data: Uint8Array;
  readonly immediate?: number | undefined;
  readonly address: string;
  readonly qpn: number;
  readonly qKey: number;
}

export interface Received {
  readonly message?: Message | undefined;
}

export interface Message {
  readonly data: Uint8Array;
  readonly immediate?: number | undefined;
}

export interface ReceivedDatagram {
  readonly datagram?: Datagram | undefined;
}

export interface Datagram {
  readonly data: Uint8Array;
  readonly immediate?: number | undefined;
  readonly address: string;
  readonly qpn: number;
}

export interface RemoteMemory {
  readonly address: bigint;
  readonly rkey: number;
}

export interface Write {
  readonly handle: number;
  readonly to: RemoteMemory;
  readonly data: Uint8Array;
  readonly immediate?: number | undefined;
}

export interface Read {
  readonly handle: number;
  readonly from: RemoteMemory;
  readonly length: number;
}

export interface Bytes {
  readonly data: Uint8Array;
}

export interface FetchAdd {
  readonly handle: number;
  readonly at: RemoteMemory;
  readonly add: bigint;
}

export interface CompareSwap {
  readonly handle: number;
  readonly at: RemoteMemory;
  readonly compare: bigint;
  readonly swap: bigint;
}

export interface Word64 {
  readonly value: bigint;
}

export interface Register {
  readonly handle: number;
  readonly length: number;
  readonly data: Uint8Array;
  readonly remoteRead: boolean;
  readonly remoteWrite: boolean;
  readonly remoteAtomic: boolean;
}

export interface Region {
  readonly handle: number;
  readonly address: number;
  readonly rkey: number;
}

export interface ReadMemory {
  readonly handle: number;
  readonly offset: number;
  readonly length: number;
}

export interface WriteMemory {
  readonly handle: number;
  readonly offset: number;
  readonly data: Uint8Array;
}
