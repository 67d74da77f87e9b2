import { Crowd } from './crowd.js';

/**
 * Run by scale.ts as a process of its own, with what happens and how many established CEPs each of two managers has at first: prints the longest that a
 * call took, in milliseconds, as JSON.
 */

const [, , WHAT, COUNT] = process.argv;
/** Longer than any timewait here, in microseconds. */
const LONG = 3_600_000_000;

/** Keeps the longest time that a call took: by the clock or by the processor, whichever says less, as others use the machine, too. */
class Longest {
  milliseconds = 0;

  time(call: () => void): void {
    const processor = process.cpuUsage();
    const begin = performance.now();
    call();
    const took = performance.now() - begin;
    if (took <= this.milliseconds) return;
    const { user, system } = process.cpuUsage(processor);
    this.milliseconds = Math.max(this.milliseconds, Math.min(took, (user + system) / 1_000));
  }
}

const crowd = new Crowd(Number(COUNT));
crowd.connectAll();
const longest = new Longest();
if (WHAT === 'leave timewait') {
  for (let place = 0; place < crowd.size; place += 1) crowd.leave(place);
  const { client, server } = crowd.link;
  crowd.consumers.wait(LONG);
  while (Math.min(client.nextTimeout(), server.nextTimeout()) <= crowd.consumers.now)
    longest.time(() => crowd.consumers.rest(0));
  if (client.usage().ceps !== 0) throw new Error(`${client.usage().ceps} CEPs are left`);
} else {
  for (let place = 0; place < crowd.size; place += 1) {
    longest.time(() => crowd.disconnect(place));
    longest.time(() => crowd.connect(place));
  }
}
console.log(JSON.stringify(longest.milliseconds));
