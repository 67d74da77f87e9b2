// A client of a service, to be killed.
//
//   client.js SOCKET PEER PORT CONNECTIONS SEED
//
// Makes connections to a peer, sends something through each, and goes on to close some and make others. Prints a line for each step. When the service goes, it prints what
// became of each connection and call, and ends.
import { connectService } from '../../../dist/service/index.js';

const AT_ONCE = 8;
const [socket, host, port, count, seed] = process.argv.slice(2);
const client = await connectService({ address: `unix:${socket}`, name: `client ${seed}`, timeoutMs: 600_000 });
const connections = [];
const endings = [];
let waiting = 0;
let isOver = false;

/** The same in every run, for a seed. */
let state = Number(seed) + 1;
function random(below) {
  state = (state * 48_271) % 2_147_483_647;
  return state % below;
}

const say = (line) => process.stdout.write(`${line}\n`);

async function call(run) {
  waiting += 1;
  try {
    return await run();
  } catch (error) {
    endings.push(error.code);
    return undefined;
  } finally {
    waiting -= 1;
  }
}

async function connect() {
  const connection = await call(() => client.connect({ host, port: Number(port), timeoutMs: 30_000 }));
  if (connection === undefined) return;
  connections.push(connection);
  say(`connected ${connections.length}`);
  await call(() => connection.send(new Uint8Array(64)));
}

async function lane() {
  while (!isOver && connections.length + waiting < Number(count)) await connect();
}

client.closed.then(async (error) => {
  isOver = true;
  await new Promise((resolve) => setImmediate(resolve));
  const causes = connections.map(({ closeCause }) => closeCause);
  say(JSON.stringify({ error: error.code, causes, endings, waiting }));
});

await Promise.all(Array.from({ length: AT_ONCE }, lane));
say('full');
// Something always waits: nobody sends to us.
for (const connection of connections) void call(() => connection.receive());
while (!isOver) {
  const index = random(connections.length);
  const [connection] = connections.splice(index, 1);
  if (random(2) === 0) connection.close();
  else await call(() => connection.disconnect());
  if (isOver) break;
  say('disconnected');
  await connect();
}
