import { deepEqual, equal, match } from 'node:assert/strict';
import { parseGid } from 'ibcm/base';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const ROUNDS = 200;
/** Several packets. */
const BYTES = 5_000;
/** What its buffer is full of, before anything has come. */
const FIRST_BYTE = 0x7b;

/** Queue pairs without a connection manager: a message of Linux' to us, an answer of ours, which is the program's next message, and so on. */
export const PINGPONG: readonly Scenario[] = (['rc', 'uc'] as const).map((service) => ({
  name: `ibv_${service}_pingpong, ${BYTES} bytes, ${ROUNDS} rounds`,
  linux: 'client',
  families: ['IPv4', 'IPv6'],
  async run(stage) {
    let round = 0;
    const wrong: number[] = [];
    const pingpong = await stage.us.listenPingpong(service, { port: stage.port, bytes: BYTES }, (message) => {
      if (!Buffer.from(message).equals(contentOf(round))) wrong.push(round);
      round += 1;
      return contentOf(round);
    });
    try {
      const options = `-g ${await gidIndex(stage)} -s ${BYTES} -n ${ROUNDS} -p ${stage.port}`;
      const { status, output } = await stage.start(`ibv_${service}_pingpong ${options} ${stage.us.address}`).finished;
      equal(status, 0, output);
      match(output, new RegExp(`${ROUNDS} iters in`));
      equal(round, ROUNDS);
      deepEqual(wrong, [], 'rounds whose message was not the one that we had sent');
    } finally {
      pingpong.close();
    }
  },
}));

function contentOf(round: number): Uint8Array {
  return round === 0
    ? new Uint8Array(BYTES).fill(FIRST_BYTE)
    : Uint8Array.from({ length: BYTES }, (_, place) => round + place + (place >> 8));
}

/** Which of soft-RoCE's GIDs the guest's address is. */
async function gidIndex({ guest, linuxAddress }: Stage): Promise<string> {
  const gid = Buffer.from(parseGid(linuxAddress))
    .toString('hex')
    .replaceAll(/.{4}(?!$)/g, '$&:');
  const output = await guest.must(
    `cd /sys/class/infiniband/rxe0/ports/1/gids && grep -l ${gid} * 2>/dev/null | head -1`,
  );
  return output.trim();
}
