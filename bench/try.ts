import { Acceptor, Connector } from './connection-cycles.js';
const kinds = { gso: { segmentation: true }, mmsg: { segmentation: false }, dgram: { sockets: 'dgram' } } as const;
const wanted = (process.argv[2] ?? 'gso,mmsg,dgram').split(',') as (keyof typeof kinds)[];
const N = Number(process.argv[3] ?? 20000);
const sides = [];
let n = 1;
for (const k of wanted) {
  const b = `127.0.7.${n++}`;
  const acceptor = await Acceptor.open(b, kinds[k]);
  const connector = await Connector.open(`127.0.7.${n++}`, b, kinds[k]);
  sides.push({ k, acceptor, connector, t: [] as number[] });
}
for (let r = 0; r < 7; r++) for (const s of sides) {
  const c = process.cpuUsage(); const w = performance.now();
  await s.connector.run(N, 128);
  const { user, system } = process.cpuUsage(c);
  s.t.push((user + system) / N);
  console.log(s.k, ((user + system) / N).toFixed(2), 'us cpu/cycle; user', (user / N).toFixed(2), 'wall', (((performance.now() - w) * 1000) / N).toFixed(2));
}
for (const s of sides) console.log(s.k, s.t.toSorted((a, b) => a - b)[3]);
for (const s of sides) { await s.connector.close(); await s.acceptor.close(); }
