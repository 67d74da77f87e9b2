import { fileURLToPath } from 'node:url';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ConnectionInfo } from './connection-list.js';
import type { Statistics } from './statistics.js';

/** The administration as it is published. */
export const ADMIN_PROTO = fileURLToPath(new URL('../../../proto/ibcm/v1/admin.proto', import.meta.url));

/** The messages of `admin.proto`, whose words say what they mean. */
export type Empty = Record<string, never>;

export interface ServiceStatus {
  readonly version: string;
  readonly pid: number;
  readonly uptimeS: number;
  readonly state: 'serving' | 'draining';
  readonly addresses: readonly string[];
  readonly logLevel: string;
  readonly clients: number;
  readonly connections: number;
}

export interface ConnectionPage {
  readonly connections: readonly ConnectionInfo[];
}

export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

export interface TraceRequest {
  readonly peer?: string;
  readonly messages?: readonly string[];
  readonly cid?: number;
}

export interface TracedPacket {
  readonly timeUs: number;
  readonly sent: boolean;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly sourcePort: number;
  readonly trafficClass: number;
  readonly packet: Uint8Array;
}

export interface TraceBatch {
  readonly messages: readonly TracedPacket[];
  readonly lost: number;
}

export interface CheckResult {
  readonly violations: readonly string[];
}

export interface ReloadResult {
  readonly changed: readonly string[];
  readonly needsRestart: readonly string[];
}

export interface DrainRequest {
  readonly timeoutMs?: number;
}

export interface DrainStarted {
  readonly clients: number;
  readonly timeoutMs: number;
}

export interface LogLevelChange {
  readonly before: string;
  readonly now: string;
}

/** The service of `admin.proto`. */
export interface AdminDefinition extends ServiceDefinition {
  readonly GetStatus: MethodDefinition<Empty, ServiceStatus>;
  readonly ListConnections: MethodDefinition<Empty, ConnectionPage>;
  readonly GetStatistics: MethodDefinition<Empty, Statistics>;
  readonly GetMetrics: MethodDefinition<Empty, MetricsText>;
  readonly Trace: MethodDefinition<TraceRequest, TraceBatch>;
  readonly Check: MethodDefinition<Empty, CheckResult>;
  readonly Reload: MethodDefinition<Empty, ReloadResult>;
  readonly Drain: MethodDefinition<DrainRequest, DrainStarted>;
  readonly SetLogLevel: MethodDefinition<{ readonly level: string }, LogLevelChange>;
}

const loaded = loadSync(ADMIN_PROTO, { longs: Number, defaults: true, arrays: true, objects: true, oneofs: false });
export const ADMIN_SERVICE = loaded['ibcm.v1.Admin'] as unknown as AdminDefinition;
