import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { freshAddress, next } from './cli/program.js';

/** The examples are run as a reader would, and say what the README promises. Needs a build, which `npm test` makes. */
const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** What examples share, which does nothing by itself. */
const SHARED = ['network.js'];

/** What each example prints. All but endpoints.js run in virtual time: it is always the same. */
const OUTPUT: Readonly<Record<string, string>> = {
  'cm-only.js': `
   0 ms  server: asked by "hello"
   0 ms  client: rep_received
   0 ms  client: told "welcome"
   0 ms  client: the queue pair goes to RTR, towards 0x200, with MTU code 3
   0 ms  server: rtu_received
   0 ms  server: dreq_received
   0 ms  client: drep_received
 537 ms  server: timewait_exit
 537 ms  server: gone
 671 ms  client: timewait_exit
left over: 0 CEPs, 0 IDs
`,
  'connected-queue-pairs.js': `
   0 ms  client: asked, INIT
   0 ms  server: accepted, RTR
   0 ms  client: rep_received, RTS
   0 ms  server: rtu_received, RTS
   0 ms  server: dreq_received, ERR
   0 ms  client: drep_received, ERR
 537 ms  server: timewait_exit, RESET
 537 ms  server: queue pair gone
 671 ms  client: timewait_exit, RESET
 671 ms  client: queue pair gone
left over: 0 CEPs, 0 IDs
`,
  'endpoints.js': `
server: asked by "hello"
client: told "welcome", the queue pair is in RTS
server: closed, peer, ERR
client: disconnected, the queue pair is in ERR
client: datagrams go to queue pair 0x42
client: rejected by the CM at ADDRESS:7472: invalidServiceId (8): nothing listens on that port there
`,
  'peer-to-peer.js': `
   0 ms  client: req_received
   0 ms  client: REP_SENT
   0 ms  server: rep_received
   0 ms  server: ESTABLISHED
   0 ms  client: rtu_received
   0 ms  client: ESTABLISHED
left over: 0 CEPs, 0 IDs
`,
  'queue-pairs.js': `
client: receive 1, success: "write here"
server: send 1, success
client: rdmaWrite 2, success
client: fetchAndAdd 3, success
client: rdmaRead 4, success
server's memory: "hello", 7
client has read: "hello", 7
client: rdmaWrite 5, remoteAccessError
client: ERR, server: ERR
`,
  'raw-cep.js': `
   0 ms  client sends REQ
   0 ms  server has req_received, is in REQ_RCVD
   0 ms  server sends REP
   0 ms  client has rep_received, is in REP_RCVD
   0 ms  client sends RTU
   0 ms  server has rtu_received, is in ESTABLISHED
   0 ms  server sends DREQ
   0 ms  client has dreq_received, is in DREQ_RCVD
   0 ms  client sends DREP
   0 ms  server has drep_received, is in TIMEWAIT
 537 ms  server has timewait_exit, is in IDLE
 671 ms  client has timewait_exit, is in IDLE
left over: 0 CEPs
`,
  'service-lookup.js': `
   0 ms  server: sidr_req_received
   0 ms  client: 0x2002 is status 1, no such service
   0 ms  client: 0x2001 is queue pair 0x42
left over: 0 CEPs, 0 IDs
`,
};

/** Of real sockets' two sides, each says what it says in its order; which of them comes first, the machine decides. */
const REAL = ['endpoints.js'];
const bySide = (text: string | undefined): string[] | undefined =>
  text?.split('\n').toSorted((a, b) => a.slice(0, SIDE_LENGTH).localeCompare(b.slice(0, SIDE_LENGTH)));
/** "client" and "server". */
const SIDE_LENGTH = 6;

const files = readdirSync(new URL('../examples/', import.meta.url)).filter((file) => file.endsWith('.js'));
const examples = files.filter((file) => !SHARED.includes(file));

describe.each(examples)('examples/%s', (file) => {
  test('runs, prints what it should, and ends', () => {
    const address = freshAddress();
    const { status, stdout, stderr } = spawnSync(process.execPath, [`examples/${file}`, address, next(address)], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 20_000,
    });
    const expected = OUTPUT[file]?.replace('ADDRESS', address);
    const inOrder = REAL.includes(file) ? bySide : String;
    expect({ status, stderr, said: inOrder(`\n${stdout}`) }).toEqual({
      status: 0,
      stderr: '',
      said: inOrder(expected),
    });
  });

  test('is named in the README', () => {
    expect(readFileSync(`${ROOT}README.md`, 'utf8')).toContain(`[${file}](examples/${file})`);
  });
});

test('examples import the package as its users do', () => {
  for (const file of files) {
    const text = readFileSync(`${ROOT}examples/${file}`, 'utf8');
    const imported = [...text.matchAll(/ from '([^']+)'/g)].map(([, name]) => name as string);
    expect(imported.length, file).toBeGreaterThan(0);
    const foreign = imported.filter((name) => !/^ibcm(\/|$)/.test(name) && !SHARED.includes(name.replace('./', '')));
    expect(foreign, file).toEqual([]);
  }
});
