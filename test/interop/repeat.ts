import { equal } from 'node:assert/strict';

/** Operations of ours under way at once. */
const BATCH = 32;

/** Does something so often, some of them at once. */
export async function repeat(times: number, one: () => Promise<{ readonly status: string }>): Promise<void> {
  for (let left = times; left > 0; left -= BATCH) {
    const done = await Promise.all(Array.from({ length: Math.min(left, BATCH) }, one));
    for (const { status } of done) equal(status, 'success');
  }
}
