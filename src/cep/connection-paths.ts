import type { CepCore } from './core.js';
import type { Cep } from './record.js';

/** The paths of a connection: the one it uses, the one it may migrate to, and the one that is being talked about. */

/** An alternate path. Whoever makes one takes the hold on the path. */
export interface Proposal {
  readonly path: number;
  /** Exponent of the ACK timeout that our queue pair is to use on it. */
  readonly ackTimeout: number;
  readonly packetLife: number;
}

/** Keeps a proposed path in mind, in place of one proposed before. Takes over the caller's hold on it. */
export function propose(core: CepCore, cep: Cep, { path, ackTimeout, packetLife }: Proposal): void {
  forgetProposal(core, cep);
  cep.proposedPath = path;
  cep.proposedAckTimeout = ackTimeout;
  cep.proposedPacketLife = packetLife;
}

export function forgetProposal(core: CepCore, cep: Cep): void {
  if (cep.proposedPath !== 0) core.paths.drop(cep.proposedPath);
  cep.proposedPath = 0;
  cep.proposedAckTimeout = 0;
  cep.proposedPacketLife = 0;
}

/** The proposed path is the alternate path from now on. Packets may be on it until timewait is over, however short it is used. */
export function acceptProposal(core: CepCore, cep: Cep): void {
  forgetAlternate(core, cep);
  cep.alternatePath = cep.proposedPath;
  cep.alternateAckTimeout = cep.proposedAckTimeout;
  cep.packetLife = Math.max(cep.packetLife, cep.proposedPacketLife);
  cep.proposedPath = 0;
}

export function forgetAlternate(core: CepCore, cep: Cep): void {
  if (cep.alternatePath !== 0) core.paths.drop(cep.alternatePath);
  cep.alternatePath = 0;
  cep.alternateAckTimeout = 0;
}

/** The connection moves to its alternate path; what was the primary path is the alternate one. */
export function swapPaths(core: CepCore, cep: Cep): void {
  const { path, ackTimeout, localQpn } = cep;
  // The index of our QPNs goes by the port, which may be another one.
  core.identities.releaseLocalQpn(cep);
  cep.path = cep.alternatePath;
  cep.ackTimeout = cep.alternateAckTimeout;
  cep.alternatePath = path;
  cep.alternateAckTimeout = ackTimeout;
  core.identities.holdLocalQpn(cep, localQpn);
}
