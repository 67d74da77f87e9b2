import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Removes everything that the compiler has written. */
for (const folder of ['dist', 'build']) {
  rmSync(fileURLToPath(new URL(`../${folder}`, import.meta.url)), { recursive: true, force: true });
}
