import { ChannelCredentials, Client, type ServiceError as GrpcError, status } from '@grpc/grpc-js';
import type { LinkHandler, OpenLink } from '../client/caller.js';
import { type ClientOptions, ServiceClient } from '../client/service-client.js';
import { ServiceError } from '../error.js';
import type { ServerMessage } from '../messages.js';
import { CLIENT_MESSAGE } from './codec.js';
import { IBCM_SERVICE, MESSAGE_BYTES_MAX } from './definition.js';
import type { TlsFiles } from './grpc-front.js';
import { type NoConnection, noConnection, noConnectionText } from './no-connection.js';

export interface ConnectServiceOptions extends ClientOptions {
  /** `unix:/run/ibcm/ibcm.sock`, or `host:port` with {@link tls}. */
  readonly address: string;
  /** For TCP: the authority that signs the service's certificate, and a certificate and key of our own. */
  readonly tls?: TlsFiles;
  /** How long to wait for the service to answer. Default 5,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** A call that is made when there is no connection fails at once, and says why. Where one is still being made, nothing is known yet. */
const REASON_TIMEOUT_MS = 100;

/**
 * Connects to a service in another process.
 * @throws ServiceError `UNAVAILABLE` when nobody answers in time, or the service takes nobody; `CONFIGURATION` for an address over TCP without TLS.
 */
export async function connectService(options: ConnectServiceOptions): Promise<ServiceClient> {
  const { address, tls, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if (tls === undefined && !address.startsWith('unix:')) {
    const text = `${address} is not a Unix socket: over TCP, both sides show a certificate`;
    throw new ServiceError('CONFIGURATION', text, { address });
  }
  const credentials =
    tls === undefined ? ChannelCredentials.createInsecure() : ChannelCredentials.createSsl(tls.ca, tls.key, tls.cert);
  const client = new Client(address, credentials, { 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX });
  try {
    await ready(client, address, timeoutMs);
    return await ServiceClient.open(grpcLink(client, address), options, async () => undefined);
  } catch (error) {
    client.close();
    throw error;
  }
}

function ready(client: Client, address: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + timeoutMs, (error) => {
      if (error === undefined) return resolve();
      whyNot(client).then((problem) => {
        const text = noConnectionText(`nobody answers at ${address}`, address, problem);
        reject(new ServiceError('UNAVAILABLE', text, { address }, { cause: error }));
      }, reject);
    });
  });
}

function whyNot(client: Client): Promise<NoConnection | undefined> {
  const nothing = (): Buffer => Buffer.alloc(0);
  const options = { deadline: Date.now() + REASON_TIMEOUT_MS };
  return new Promise((resolve) => {
    client.makeUnaryRequest('/ibcm.v1.Ibcm/Why', nothing, nothing, {}, options, (error) =>
      resolve(error === null ? undefined : noConnection(error.details)),
    );
  });
}

/** A stream over a channel, which is the client's own and closed with it. */
function grpcLink(client: Client, address: string): OpenLink {
  return (handler: LinkHandler) => {
    const { path, responseDeserialize } = IBCM_SERVICE.session;
    const stream = client.makeBidiStreamRequest<Buffer, ServerMessage>(path, (bytes) => bytes, responseDeserialize);
    let isOver = false;
    let isOpen = false;
    const lose = (error: ServiceError): void => {
      if (isOver) return;
      isOver = true;
      client.close();
      handler.lost(error);
    };
    stream.on('data', (message: ServerMessage) => {
      isOpen = true;
      handler.receive(message);
    });
    stream.on('error', (error: GrpcError) => lose(isOpen ? lossOf(error, address) : refusalOf(error, address)));
    stream.on('end', () => lose(new ServiceError('DISCONNECTED', `the service at ${address} has gone`, { address })));
    return {
      // Encoded here, so that a value that does not fit throws where it comes from, and not later within gRPC.
      send: (message) => void stream.write(CLIENT_MESSAGE.encode(message)),
      close: () => {
        isOver = true;
        stream.cancel();
        client.close();
      },
    };
  };
}

/** The service has not said a word: it takes nobody. */
function refusalOf(error: GrpcError, address: string): ServiceError {
  if (error.code !== status.UNAVAILABLE) return lossOf(error, address);
  return new ServiceError('UNAVAILABLE', `the service at ${address} says: ${error.details}`, { address });
}

function lossOf({ code, details }: GrpcError, address: string): ServiceError {
  switch (code) {
    case status.RESOURCE_EXHAUSTED:
      return new ServiceError('LIMIT_REACHED', `the service at ${address} says: ${details}`, { address });
    default:
      return new ServiceError('DISCONNECTED', `the service at ${address} has gone: ${details}`, { address });
  }
}
