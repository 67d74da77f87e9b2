import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import { CLIENT_MESSAGE, SERVER_MESSAGE } from './codec.js';

/** The service as it is published. */
export interface IbcmDefinition extends ServiceDefinition {
  readonly session: MethodDefinition<ClientMessage, ServerMessage>;
}

export const IBCM_SERVICE: IbcmDefinition = {
  session: {
    path: '/ibcm.v1.Ibcm/Session',
    originalName: 'session',
    requestStream: true,
    responseStream: true,
    requestSerialize: CLIENT_MESSAGE.encode,
    requestDeserialize: CLIENT_MESSAGE.decode,
    responseSerialize: SERVER_MESSAGE.encode,
    responseDeserialize: SERVER_MESSAGE.decode,
  },
};

/**
 * The longest message, in bytes: beyond it gRPC itself ends the stream. Data that is sent at once fits, with its envelope.
 */
export const MESSAGE_BYTES_MAX = 5 * 2 ** 20;
