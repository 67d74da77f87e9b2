import { parseGid, ReferenceLedger, SeededRandom } from 'ibcm/base';
import { CepManager } from 'ibcm/cep';
import { CmInterface } from 'ibcm/cm';
import { MAD_BYTES } from 'ibcm/wire';

/**
 * Two sides that can hear each other, in memory and in virtual time, for the other examples. Each has a CM-only interface: `cm`.
 * raw-cep.js shows how it works; in a real program `ibcm/io` does this.
 */
export class Network {
  /** Microseconds. */
  now = 0;
  client = openSide('client', '10.0.0.1', 1n);
  server = openSide('server', '10.0.0.2', 2n);

  /** The way from a side to the other one. */
  pathFrom(side) {
    return { localGid: side.gid, remoteGid: this.#other(side).gid };
  }

  /** Delivers messages, calls callbacks and lets time pass until nothing is left to be done. */
  run() {
    for (;;) {
      while (this.#turn(this.client) || this.#turn(this.server));
      const next = Math.min(this.client.manager.nextTimeout(), this.server.manager.nextTimeout());
      if (next === Number.POSITIVE_INFINITY) return;
      this.now = next;
      for (const { manager } of [this.client, this.server]) manager.handleTimeout(next);
    }
  }

  /** Writes a line with the time. */
  say(text) {
    console.log(`${(this.now / 1000).toFixed(0).padStart(4)} ms  ${text}`);
  }

  /** Ends both sides; says what is left over, which should be nothing. */
  close() {
    const sides = [this.client, this.server];
    for (const { cm } of sides) cm.close(this.now);
    this.run();
    const count = (amount) => sides.reduce((sum, side) => sum + amount(side), 0);
    console.log(
      `left over: ${count(({ manager }) => manager.usage().ceps)} CEPs, ${count(({ ledger }) => ledger.size)} IDs`,
    );
  }

  /** Tells a side what there is to tell, and takes its messages to the other one. Says whether there was anything. */
  #turn(side) {
    let busy = side.cm.poll(this.now);
    const other = this.#other(side);
    const wayBack = { port: 1, localGid: other.gid, remoteGid: side.gid, trafficClass: 0, sourcePort: 0 };
    for (let sent = side.manager.pollTransmit(); sent; sent = side.manager.pollTransmit()) {
      other.manager.handleMad(sent.mad, 0, MAD_BYTES, wayBack, this.now);
      busy = true;
    }
    return busy;
  }

  #other(side) {
    return side === this.client ? this.server : this.client;
  }
}

function openSide(name, address, caGuid) {
  // Outside of examples the random source must be unpredictable.
  const manager = new CepManager({ caGuid, random: new SeededRandom(Number(caGuid)) });
  const ledger = new ReferenceLedger();
  return { name, gid: parseGid(address), manager, ledger, cm: new CmInterface(manager, ledger) };
}
