import { setTimeout as sleep } from 'node:timers/promises';
import { REJECT_REASONS } from 'ibcm/wire';
import { type DataPeer, NotConnected } from './data-peer.js';

/** perftest's own clients ask so often, and wait so long in between. */
const TRIES = 10;
const PAUSE_MS = 100;

/** Connects, again if nobody listens yet: some programs say where they will listen before they do. */
export async function onceHeard(connect: () => Promise<DataPeer>): Promise<DataPeer> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await connect();
    } catch (error) {
      const isEarly = error instanceof NotConnected && error.reason === REJECT_REASONS.invalidServiceId;
      if (left <= 1 || !isEarly) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
