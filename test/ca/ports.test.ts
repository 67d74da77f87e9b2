import { describe, expect, test } from 'vitest';
import {
  type CaGuid,
  formatAddress,
  type Instant,
  parseGid,
  SeededRandom,
  type ServiceId,
} from '../../src/base/index.js';
import { ChannelAdapter, CM_PACKET_BYTES } from '../../src/ca/index.js';
import type { CmPath } from '../../src/cep/index.js';

/** Connections that use two ports of an adapter: a peer names ours by its address, and by nothing else. */

const NOW = 0 as Instant;
const SERVICE = 7n as ServiceId;
const ADDRESSES = { client: ['10.0.0.1', 'fd00::1'], server: ['10.0.0.2', 'fd00::2'] } as const;
const PORTS: ReadonlyMap<string, number> = new Map(
  Object.values(ADDRESSES).flatMap((addresses) => addresses.map((address, i) => [address, i + 1] as const)),
);

const adapterAt = (addresses: readonly string[], caGuid: bigint): ChannelAdapter =>
  new ChannelAdapter({
    caGuid: caGuid as CaGuid,
    random: new SeededRandom(Number(caGuid)),
    ports: addresses.map((address) => ({ gid: parseGid(address) })),
    limits: { maxCeps: 8, maxMads: 32, maxTransmits: 32 },
  });

/** Two adapters with two ports each. */
function pair() {
  const client = adapterAt(ADDRESSES.client, 1n);
  const server = adapterAt(ADDRESSES.server, 2n);
  const bytes = new Uint8Array(CM_PACKET_BYTES);
  const carry = (from: ChannelAdapter, to: ChannelAdapter): boolean => {
    const sent = from.pollTransmit(bytes, 0);
    if (sent === undefined) return false;
    const { localGid, remoteGid } = sent.path;
    const port = PORTS.get(formatAddress(remoteGid)) ?? 0;
    to.handleDatagram(bytes.slice(), 0, sent.length, { port, remoteGid: localGid, sourcePort: sent.sourcePort }, NOW);
    return true;
  };
  return {
    client,
    server,
    deliver: () => {
      while (carry(client, server) || carry(server, client));
    },
  };
}

const through = (port: 1 | 2): CmPath => ({
  port,
  localGid: parseGid(ADDRESSES.client[port - 1] as string),
  remoteGid: parseGid(ADDRESSES.server[port - 1] as string),
});

describe.each(['in the REQ', 'by a LAP'] as const)('an alternate path through the other port, proposed %s', (when) => {
  test('leads to that port on both sides: after migrating, the connection ends as any', () => {
    const { client, server, deliver } = pair();
    const [ours, theirs] = [client.cep.openOwner(), server.cep.openOwner()];
    theirs.listen(theirs.create(), { serviceId: SERVICE, backlog: 1 }, NOW);
    const cid = ours.create();
    const alternate = when === 'in the REQ' ? { alternatePath: through(2) } : {};
    ours.sendReq(cid, { path: through(1), ...alternate, serviceId: SERVICE, qpn: 5, startingPsn: 1 }, NOW);
    deliver();
    const request = theirs.pollEvent()?.cid ?? expect.fail('no request');
    theirs.sendRep(request, { qpn: 6, startingPsn: 1, failoverAccepted: 0 }, NOW);
    deliver();
    ours.pollEvent();
    ours.sendRtu(cid, {}, NOW);
    deliver();
    theirs.pollEvent();
    if (when === 'by a LAP') {
      ours.sendLap(cid, { path: through(2) }, NOW);
      deliver();
      theirs.pollEvent();
      theirs.sendApr(request, {}, NOW);
      deliver();
      ours.pollEvent();
    }
    theirs.migrate(request, NOW);
    ours.migrate(cid, NOW);
    expect(ours.getQpAttr(cid, 'RTR', NOW).path.port).toBe(2);
    expect(theirs.getQpAttr(request, 'RTR', NOW)).toMatchObject({ path: { port: 2 }, alternatePath: { port: 1 } });
    // R3 holds on the port that the queue pair has moved to.
    const other = theirs.create();
    const back = { port: 2, localGid: through(2).remoteGid, remoteGid: through(2).localGid };
    expect(() => theirs.sendReq(other, { path: back, serviceId: SERVICE, qpn: 6, startingPsn: 1 }, NOW)).toThrow(
      expect.objectContaining({ code: 'QPN_IN_USE' }),
    );
    ours.sendDreq(cid, {}, NOW);
    deliver();
    expect(theirs.pollEvent()?.type).toBe('dreq_received');
    expect(server.cep.counters.drops.wrongAddress).toBe(0);
  });
});
