import type { Adapter } from '../../endpoint/index.js';
import { openAdapter, UdpPort } from '../../io/index.js';
import { openTowards } from '../addresses.js';
import { error, type Finding, ok } from './finding.js';

const CHECK = 'self-connect';
const PORT = 1;
/** The first ones find nothing compiled. */
const CONNECTIONS = 20;
const TIMEOUT_MS = 2_000;

/** Opens an adapter, connects it to itself, and says how long that takes. @param wanted its address; some loopback address if it is left out. */
export async function checkSelfConnect(wanted?: string): Promise<Finding> {
  let port: UdpPort | undefined;
  const open = (address: string): Promise<Adapter> =>
    openAdapter({
      address,
      onWarning: () => undefined,
      wrapPort: (opened) => {
        if (opened instanceof UdpPort) port = opened;
        return opened;
      },
    });
  try {
    await using adapter = await (wanted === undefined ? openTowards('127.0.0.1', open) : open(wanted));
    const listener = await adapter.listen({ port: PORT });
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < CONNECTIONS; i += 1) {
      const begin = performance.now();
      const connecting = adapter.connect({ host: adapter.address, port: PORT, timeoutMs: TIMEOUT_MS });
      const accepting = listener[Symbol.asyncIterator]()
        .next()
        .then(({ value }) => value?.accept());
      const connection = await connecting;
      best = Math.min(best, performance.now() - begin);
      await accepting;
      await connection.disconnect({ timeoutMs: TIMEOUT_MS });
    }
    const how = port === undefined ? '' : ` over ${describe(port)}`;
    return ok(CHECK, `${adapter.address} connects to itself in ${Math.round(best * 1_000)} µs${how}`);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return error(CHECK, `connecting to oneself fails: ${message}`, 'see above; a firewall may drop UDP port 4791');
  }
}

const describe = ({ sockets, segmentation }: UdpPort): string =>
  `${sockets} sockets${segmentation ? ' with segmentation' : ''}`;
