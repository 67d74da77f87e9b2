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
  readonly cmCreateId: Nothing;
  readonly cmDestroyId: DestroyId;
  readonly cmCreateSlot: Nothing;
  readonly cmBind: Bind;
  readonly cmDestroySlot: DestroySlot;
  readonly cmQuery: Handle;
  readonly cmListen: CmListen;
  readonly cmCancelListen: Handle;
  readonly cmGetRequest: Handle;
  readonly cmSendReq: SendReq;
  readonly cmFormatRep: SendRep;
  readonly cmSendFormattedRep: Handle;
  readonly cmSendRep: SendRep;
  readonly cmSendRtu: SendPrivateData;
  readonly cmEstablished: Handle;
  readonly cmSendRej: SendRej;
  readonly cmSendMra: SendMra;
  readonly cmSendDreq: SendDreq;
  readonly cmSendDrep: SendPrivateData;
  readonly cmSendLap: SendLap;
  readonly cmSendApr: SendApr;
  readonly cmMigrate: Handle;
  readonly cmGetQpAttr: GetQpAttr;
  readonly cmSendSidrReq: SendSidrReq;
  readonly cmSendSidrRep: SendSidrRep;
  readonly qpCreate: QpCreate;
  readonly qpDestroy: DestroyId;
  readonly qpQuery: Handle;
  readonly qpGetRequest: Handle;
  readonly qpRejectRequest: RejectQpRequest;
  readonly qpDelayRequest: SendMra;
  readonly qpConnect: SendReq;
  readonly qpAccept: QpAccept;
  readonly qpSendRep: SendRep;
  readonly qpSendRtu: SendPrivateData;
  readonly qpEstablished: Handle;
  readonly qpSendRej: SendRej;
  readonly qpSendMra: SendMra;
  readonly qpDisconnect: SendDreq;
  readonly qpSendDrep: SendPrivateData;
  readonly qpAbort: Handle;
  readonly qpSendLap: SendLap;
  readonly qpSendApr: SendApr;
  readonly qpMigrate: Handle;
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
  readonly cmCreateId: CmId;
  readonly cmDestroyId: Nothing;
  readonly cmCreateSlot: Handle;
  readonly cmBind: Nothing;
  readonly cmDestroySlot: Nothing;
  readonly cmQuery: CmStatus;
  readonly cmListen: CmListening;
  readonly cmCancelListen: Nothing;
  readonly cmGetRequest: NextCmRequest;
  readonly cmSendReq: Nothing;
  readonly cmFormatRep: Nothing;
  readonly cmSendFormattedRep: Nothing;
  readonly cmSendRep: Nothing;
  readonly cmSendRtu: Nothing;
  readonly cmEstablished: Nothing;
  readonly cmSendRej: Nothing;
  readonly cmSendMra: Nothing;
  readonly cmSendDreq: Nothing;
  readonly cmSendDrep: Nothing;
  readonly cmSendLap: Nothing;
  readonly cmSendApr: Nothing;
  readonly cmMigrate: Nothing;
  readonly cmGetQpAttr: QueuePairAttributes;
  readonly cmSendSidrReq: Nothing;
  readonly cmSendSidrRep: Nothing;
  readonly qpCreate: QpCreated;
  readonly qpDestroy: Nothing;
  readonly qpQuery: QpStatus;
  readonly qpGetRequest: NextQpRequest;
  readonly qpRejectRequest: Nothing;
  readonly qpDelayRequest: Nothing;
  readonly qpConnect: Nothing;
  readonly qpAccept: Nothing;
  readonly qpSendRep: Nothing;
  readonly qpSendRtu: Nothing;
  readonly qpEstablished: Nothing;
  readonly qpSendRej: Nothing;
  readonly qpSendMra: Nothing;
  readonly qpDisconnect: Nothing;
  readonly qpSendDrep: Nothing;
  readonly qpAbort: Nothing;
  readonly qpSendLap: Nothing;
  readonly qpSendApr: Nothing;
  readonly qpMigrate: Nothing;
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
  readonly cm: CmEvent;
  readonly qp: QpEvent;
  readonly withdrawn: CmEvent;
  readonly gone: Nothing;
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

export interface CmId {
  readonly handle: number;
  readonly cid: number;
}

export interface DestroyId {
  readonly handle: number;
  readonly wait: boolean;
}

export interface Bind {
  readonly handle: number;
  readonly slot: number;
}

export interface DestroySlot {
  readonly handle: number;
  readonly reserved: boolean;
}

export interface CmStatus {
  readonly state: string;
  readonly localCommId: number;
  readonly remoteCommId: number;
}

export interface CmEvent {
  readonly type: string;
  readonly cause: string;
  readonly cid: number;
  readonly transmissions: number;
  readonly mad?: Uint8Array | undefined;
}

export interface CmListen {
  readonly handle: number;
  readonly serviceId?: bigint | undefined;
  readonly serviceMask?: bigint | undefined;
  readonly port?: number | undefined;
  readonly compare?: Compare | undefined;
  readonly backlog: number;
  readonly atBacklog?: string | undefined;
}

export interface Compare {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface CmListening {
  readonly serviceId: bigint;
}

export interface NextCmRequest {
  readonly request?: CmRequest | undefined;
}

export interface CmRequest {
  readonly handle: number;
  readonly event: CmEvent;
}

export interface Path {
  readonly localGid: Uint8Array;
  readonly remoteGid: Uint8Array;
  readonly port?: number | undefined;
  readonly flowLabel?: number | undefined;
  readonly trafficClass?: number | undefined;
  readonly hopLimit?: number | undefined;
  readonly packetRate?: number | undefined;
  readonly sl?: number | undefined;
  readonly localLid?: number | undefined;
  readonly remoteLid?: number | undefined;
  readonly packetLife?: number | undefined;
  readonly localAckTimeout?: number | undefined;
  readonly sourcePort?: number | undefined;
}

export interface Timing {
  readonly responseTimeout: number;
  readonly retries: number;
  readonly backoff?: number | undefined;
  readonly longestTimeout?: number | undefined;
  readonly jitter?: number | undefined;
  readonly deadline?: number | undefined;
}

export interface SendReq {
  readonly handle: number;
  readonly parameters: ReqParameters;
}

export interface ReqParameters {
  readonly path: Path;
  readonly alternatePath?: Path | undefined;
  readonly serviceId: bigint;
  readonly peerToPeer?: boolean | undefined;
  readonly qpn: number;
  readonly startingPsn: number;
  readonly transport?: string | undefined;
  readonly qKey?: number | undefined;
  readonly responderResources?: number | undefined;
  readonly initiatorDepth?: number | undefined;
  readonly retryCount?: number | undefined;
  readonly rnrRetryCount?: number | undefined;
  readonly flowControl?: boolean | undefined;
  readonly srq?: boolean | undefined;
  readonly pKey?: number | undefined;
  readonly mtu?: number | undefined;
  readonly remoteCmResponseTimeout?: number | undefined;
  readonly localCmResponseTimeout?: number | undefined;
  readonly maxCmRetries?: number | undefined;
  readonly privateData?: Uint8Array | undefined;
  readonly timing?: Timing | undefined;
}

export interface SendRep {
  readonly handle: number;
  readonly parameters: RepParameters;
}

export interface RepParameters {
  readonly qpn: number;
  readonly startingPsn: number;
  readonly qKey?: number | undefined;
  readonly responderResources?: number | undefined;
  readonly initiatorDepth?: number | undefined;
  readonly targetAckDelay?: number | undefined;
  readonly failoverAccepted?: number | undefined;
  readonly flowControl?: boolean | undefined;
  readonly rnrRetryCount?: number | undefined;
  readonly srq?: boolean | undefined;
  readonly privateData?: Uint8Array | undefined;
  readonly timing?: Timing | undefined;
}

export interface SendPrivateData {
  readonly handle: number;
  readonly privateData?: Uint8Array | undefined;
}

export interface SendRej {
  readonly handle: number;
  readonly reason: number;
  readonly additionalInformation?: Uint8Array | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface SendMra {
  readonly handle: number;
  readonly serviceTimeout?: number | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface SendDreq {
  readonly handle: number;
  readonly privateData?: Uint8Array | undefined;
  readonly timing?: Timing | undefined;
}

export interface SendLap {
  readonly handle: number;
  readonly path: Path;
  readonly privateData?: Uint8Array | undefined;
  readonly timing?: Timing | undefined;
}

export interface SendApr {
  readonly handle: number;
  readonly status?: number | undefined;
  readonly additionalInformation?: Uint8Array | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface GetQpAttr {
  readonly handle: number;
  readonly target: string;
}

export interface SendSidrReq {
  readonly handle: number;
  readonly path: Path;
  readonly serviceId: bigint;
  readonly pKey?: number | undefined;
  readonly responseTimeout?: number | undefined;
  readonly retries?: number | undefined;
  readonly privateData?: Uint8Array | undefined;
  readonly timing?: Timing | undefined;
}

export interface SendSidrRep {
  readonly handle: number;
  readonly status?: number | undefined;
  readonly qpn?: number | undefined;
  readonly qKey?: number | undefined;
  readonly additionalInformation?: Uint8Array | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface QpCreate {
  readonly transport: string;
  readonly automatic?: boolean | undefined;
  readonly accessFlags?: number | undefined;
  readonly minRnrTimer?: number | undefined;
  readonly qpn?: number | undefined;
}

export interface QpCreated {
  readonly handle: number;
  readonly qpn: number;
}

export interface QpStatus {
  readonly state: string;
  readonly connectionState?: string | undefined;
  readonly attributes: QueuePairAttributes;
}

export interface NextQpRequest {
  readonly request?: QpRequest | undefined;
}

export interface QpRequest {
  readonly handle: number;
  readonly event: CmEvent;
  readonly localCommId: number;
  readonly remoteCommId: number;
}

export interface RejectQpRequest {
  readonly handle: number;
  readonly reason?: number | undefined;
  readonly additionalInformation?: Uint8Array | undefined;
  readonly privateData?: Uint8Array | undefined;
}

export interface QpAccept {
  readonly handle: number;
  readonly request: number;
  readonly parameters: RepParameters;
}

export interface QpEvent {
  readonly event: CmEvent;
  readonly failure?: Failure | undefined;
  readonly state: string;
}
