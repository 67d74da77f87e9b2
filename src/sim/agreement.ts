import type { AnySide, Attempt } from './side.js';
import type { World } from './world.js';

/** A side believes that the connection stands: what it knows of the other side must be what that side said. */
export function checkParameters(world: World, side: AnySide): void {
  const { peer } = side;
  if (peer === undefined) world.fail('parameters', `the ${side.role} side is connected with nobody`, side);
  if (peer.phase !== 'established') return;
  if (peer.remoteCommId !== side.localCommId) {
    world.fail('parameters', `the ${side.role} side's peer is connected with another CEP`, side);
  }
  compare(world, side, peer);
  compare(world, peer, side);
}

function compare(world: World, side: AnySide, peer: AnySide): void {
  if (side.remoteQpn === peer.localQpn && side.remotePsn === peer.localPsn) return;
  const believed = `QPN ${side.remoteQpn}, PSN ${side.remotePsn}`;
  const actual = `QPN ${peer.localQpn}, PSN ${peer.localPsn}`;
  world.fail('parameters', `the ${side.role} side takes its peer for ${believed}; it is ${actual}`, side);
}

/**
 * The network is whole and nothing is on its way: each side that believes in a connection has a peer that does, too,
 * unless a message was lost or a peer crashed, so that it could not learn better. Then the connection's end must still
 * be possible, which the final disconnects show.
 */
export function checkAgreement(world: World): void {
  for (const attempt of world.attempts) {
    if (attempt === undefined || attempt.hasLosses) continue;
    for (const side of sidesOf(attempt)) {
      if (side.phase !== 'established') continue;
      const { peer } = side;
      if (peer?.phase !== 'established') {
        world.fail(
          'agreement',
          `the ${side.role} side is established, its peer is ${peer?.phase ?? 'not there'}`,
          side,
        );
      }
      checkParameters(world, side);
    }
  }
}

function sidesOf({ actives, passives }: Attempt): readonly AnySide[] {
  return [...actives, ...passives];
}
