import type { Server as NetServer, Socket } from 'node:net';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { failureOf } from '../failure.js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import type { ClientSession } from '../session/client-session.js';
import type { Service } from '../session/service.js';
import { IBCM_SERVICE, MESSAGE_BYTES_MAX } from './definition.js';

type Stream = ServerDuplexStream<ClientMessage, ServerMessage>;

export interface GrpcFrontOptions {
  /**
   * How the other side is known, for listening sockets that are not on this machine's file system: TLS with the client's certificate. Default: none, since
   * the mode of a Unix socket says who may come.
   */
  readonly credentials?: ServerCredentials;
}

/** Certificates in PEM: whose clients are let in, and who we are. */
export interface TlsFiles {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** TLS with which both sides must have a certificate that the authority has signed. */
export function mutualTls({ ca, cert, key }: TlsFiles): ServerCredentials {
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

/** Brings clients to a service by way of gRPC, over listening sockets that others have made: their mode, their owner, and who handed them over is not its business. */
export class GrpcFront {
  /** For services beside ours, such as health. */
  readonly server: Server;
  readonly #service: Service;
  readonly #credentials: ServerCredentials;
  readonly #injectors: ReturnType<Server['createConnectionInjector']>[] = [];

  constructor(service: Service, { credentials = ServerCredentials.createInsecure() }: GrpcFrontOptions = {}) {
    this.#service = service;
    this.#credentials = credentials;
    this.server = new Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX });
    this.server.addService(IBCM_SERVICE, { session: (stream: Stream) => this.#open(stream) });
  }

  /**
   * Serves those who connect to a listening socket; who closes it is whoever made it.
   * @param credentials where they are not the front's.
   */
  attach(netServer: NetServer, credentials = this.#credentials): void {
    netServer.on('connection', this.door(credentials));
  }

  /** What takes in connections one by one, for who decides on each. */
  door(credentials = this.#credentials): (socket: Socket) => void {
    const injector = this.server.createConnectionInjector(credentials);
    this.#injectors.push(injector);
    return (socket) => {
      // What breaks a connection shows in its streams.
      socket.on('error', () => undefined);
      injector.injectConnection(socket);
    };
  }

  /** Ends all streams; the service destroys what their clients owned. */
  close(): void {
    for (const injector of this.#injectors) injector.destroy();
    this.server.forceShutdown();
  }

  #open(stream: Stream): void {
    let session: ClientSession;
    try {
      session = this.#service.open({
        send: (message) => stream.write(message),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        close: () => stream.end(),
      });
    } catch (error) {
      stream.write({ body: 'farewell', farewell: failureOf(error) });
      stream.end();
      return;
    }
    stream.on('data', (message: ClientMessage) => session.receive(message));
    stream.on('drain', () => session.drained());
    // Whichever comes: the client has said that it goes, its process is gone, or it has sent what is no message.
    for (const end of ['end', 'cancelled', 'error', 'close']) stream.on(end, () => session.end());
  }
}
