// A peer for the tests of ibcm's command line: it prints the CM's events, and kills itself at one of them.
//
//   scripted-peer.js accept ADDRESS EVENT      accepts, dies at EVENT
//   scripted-peer.js mute ADDRESS              listens, never answers
//   scripted-peer.js connect ADDRESS PEER EVENT  connects and disconnects, dies at EVENT
//
// EVENT is an event of the CM, or `established`.
import { setImmediate as turn } from 'node:timers/promises';
import { openAdapter } from '../../dist/io/index.js';

const PORT = 7471;
const [role, address, ...rest] = process.argv.slice(2);
const fatal = rest.at(-1);

function see(event) {
  process.stdout.write(`${event}\n`);
  if (event === fatal) process.kill(process.pid, 'SIGKILL');
}

const adapter = await openAdapter({ address, onEvent: ({ type }) => see(type) });
if (role === 'connect') {
  const connection = await adapter.connect({ host: rest[0], port: PORT });
  // The RTU goes out at the end of the turn in which it is asked for.
  await turn();
  see('established');
  await connection.disconnect();
} else {
  const listener = await adapter.listen({ port: PORT });
  see('listening');
  for await (const request of listener) {
    if (role === 'accept') void request.accept();
  }
}
