import { type Instant, NEVER } from '../base/index.js';
import { MAD_BYTES } from '../wire/index.js';
import { AWAITS_ANSWER, type CepCore } from './core.js';
import { CEP_RECORD, type Cep } from './record.js';

/**
 * Fields that an image shows otherwise, or not at all: buffers, paths and policies by what they hold, since their numbers say
 * only when they were taken; transactions and the moment of the beginning not, since nothing depends on them.
 */
const SHOWN_OTHERWISE: ReadonlySet<string> = new Set<keyof typeof CEP_RECORD>([
  'transactionHigh',
  'transactionLow',
  'beganHigh',
  'beganLow',
  'eventHead',
  'eventTail',
  'path',
  'alternatePath',
  'proposedPath',
  'timing',
  'sentMad',
  'preparedMad',
]);
/** What counts a wait's retries and extensions means something only while the CEP waits, and is begun anew with the next wait. */
const SHOWN_IN_WAITS: ReadonlySet<string> = new Set<keyof typeof CEP_RECORD>(['retries', 'mraExtension']);
const SHOWN = (Object.keys(CEP_RECORD) as (keyof typeof CEP_RECORD)[]).filter(
  (name) => !SHOWN_OTHERWISE.has(name) && !SHOWN_IN_WAITS.has(name),
);

/** Gives equal bytes equal names. For a MAD, whoever names it sees to it that its transaction does not count. */
export type NameBytes = (bytes: Uint8Array, at: number, length: number) => number;

/**
 * Everything that the manager's future depends on, as text: two managers made alike whose images are equal do the same from
 * now on, transaction IDs and the number of transmissions that events tell apart. Moments are relative to `now`. Not in it: counters; owners without CEPs; the rate
 * limits' levels and the random source, so neither rate limits nor jitter may be used where images are compared; and messages
 * that wait to be sent, which are to be polled before.
 */
export function imageOf(
  core: CepCore,
  now: Instant,
  cursor: Cep & { moveTo(slot: number): Cep },
  name: NameBytes,
): string {
  const parts: (number | string)[] = [];
  for (let slot = 1; slot <= core.store.highestSlot; slot += 1) {
    const cep = cursor.moveTo(slot);
    for (const field of SHOWN) parts.push(cep[field]);
    if (AWAITS_ANSWER[cep.state]) parts.push(cep.retries, cep.mraExtension);
    for (const path of [cep.path, cep.alternatePath, cep.proposedPath]) parts.push(pathImage(core, path, name));
    for (const mad of [cep.sentMad, cep.preparedMad]) parts.push(madImage(core, mad, name));
    parts.push(timerImage(core, slot, now), timerImage(core, core.limits.maxCeps + slot, now));
    const policy = core.policyOf(cep);
    if (policy !== undefined) parts.push(JSON.stringify(policy));
    const { events } = core;
    for (let event = cep.eventHead; event !== 0; event = events.next(event)) {
      parts.push(events.type(event), events.cause(event));
      parts.push(madImage(core, events.mad(event), name));
    }
    parts.push(';');
  }
  return parts.join();
}

function pathImage({ paths }: CepCore, path: number, name: NameBytes): string {
  if (path === 0) return '';
  const { port, localGid, remoteGid, trafficClass, sourcePort } = paths.get(path);
  const gids = `${name(localGid, 0, localGid.length)}/${name(remoteGid, 0, remoteGid.length)}`;
  return `${port}/${gids}/${trafficClass}/${sourcePort}`;
}

function madImage({ mads }: CepCore, mad: number, name: NameBytes): number {
  return mad === 0 ? 0 : name(mads.bytes, mads.offset(mad), MAD_BYTES);
}

function timerImage({ timers }: CepCore, timer: number, now: Instant): number | '' {
  const deadline = timers.deadline(timer);
  return deadline === NEVER ? '' : deadline - now;
}
