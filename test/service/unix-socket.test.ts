import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenUnix } from 'ibcm/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

describe('a path that cannot be had', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ibcm-unix-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('is that of a file, which stays as it is', async () => {
    const path = join(folder, 'precious');
    await writeFile(path, 'precious');
    await expect(listenUnix(path)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: `${path} is there already, and no socket`,
    });
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it('is that of a link, which stays as it is', async () => {
    const path = join(folder, 'link');
    await symlink('elsewhere', path);
    await expect(listenUnix(path)).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });

  it('is in a folder that is not there', async () => {
    const missing = join(folder, 'missing');
    await expect(listenUnix(join(missing, 'ibcm.sock'))).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: `there is no folder ${missing} for the socket`,
    });
  });

  it('is longer than the system takes, which would cut it off', async () => {
    const path = join(folder, 'x'.repeat(110));
    await expect(listenUnix(path)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('is too long for a Unix socket'),
    });
  });

  it.runIf(process.platform === 'linux')('is as long as the system takes: then it can be had', async () => {
    const path = join(folder, 'x'.repeat(106 - Buffer.byteLength(folder)));
    const server = await listenUnix(path);
    const client = createConnection(path);
    await new Promise((resolve) => client.once('connect', resolve));
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
