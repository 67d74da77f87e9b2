import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { IoError, systemCode } from '../../io/index.js';
import type { HostAndPort } from './settings.js';

/** What the HTTP server shows. */
export interface HttpHost {
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** Whether new clients are taken. */
  readonly isReady: boolean;
  /** What is not as it ought to be; empty if all is sound. */
  check(): readonly string[];
}

const OK = 200;
const NOT_FOUND = 404;
const NOT_ALLOWED = 405;
const FAILED = 500;
const UNAVAILABLE = 503;
/** Whoever asks has this long to say so: nobody can hold connections without asking. */
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

/** `/metrics` for Prometheus, `/healthz` and `/readyz` for orchestrators, over HTTP. */
export class HttpServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws IoError `PORT_IN_USE`, `ADDRESS_NOT_LOCAL`, `SOCKET` */
  static async open({ host, port }: HostAndPort, shown: HttpHost): Promise<HttpServer> {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
    server.maxConnections = CONNECTIONS_MAX;
    server.on('request', (request, response) => void respond(request, response, shown));
    try {
      const listening = once(server, 'listening');
      server.listen({ host, port });
      await listening;
    } catch (error) {
      throw explain(error, host, port);
    }
    return new HttpServer(server);
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function respond(request: IncomingMessage, response: ServerResponse, shown: HttpHost): Promise<void> {
  const {
    status,
    type = 'text/plain; charset=utf-8',
    body,
  } = await answerTo(request, shown).catch(
    (error: unknown): Answer => ({
      status: FAILED,
      body: `${error instanceof Error ? error.message : String(error)}\n`,
    }),
  );
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo({ method, url = '/' }: IncomingMessage, shown: HttpHost): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return { status: NOT_ALLOWED, body: 'only GET\n' };
  switch (url.split('?')[0]) {
    case '/metrics':
      return { status: OK, type: shown.metrics.contentType, body: await shown.metrics.text() };
    case '/healthz': {
      const wrong = shown.check();
      return wrong.length === 0
        ? { status: OK, body: 'ok\n' }
        : { status: UNAVAILABLE, body: wrong.map((each) => `${each}\n`).join('') };
    }
    case '/readyz':
      return shown.isReady ? { status: OK, body: 'ready\n' } : { status: UNAVAILABLE, body: 'draining\n' };
    default:
      return { status: NOT_FOUND, body: 'there are /metrics, /healthz and /readyz\n' };
  }
}

function explain(error: unknown, host: string, port: number): IoError {
  const details = { address: host, port };
  const options = { cause: error };
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new IoError('PORT_IN_USE', `TCP port ${port} of ${host}, for metrics, is in use`, details, options);
    case 'EADDRNOTAVAIL':
      return new IoError(
        'ADDRESS_NOT_LOCAL',
        `this machine does not have the address ${host}, for metrics`,
        details,
        options,
      );
    default:
      return new IoError('SOCKET', `cannot serve metrics on ${host}: ${(error as Error).message}`, details, options);
  }
}
