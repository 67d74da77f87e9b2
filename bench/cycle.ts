import { cmCycle } from './cm-cycle.js';
import { FIVE_COPIES, FIVE_PACKETS } from './floor.js';
import { Consumers, type Link, linkOfAdapters, linkOfManagers } from './link.js';
import type { Case } from './main.js';
import { qpCycle } from './qp-cycle.js';

const MESSAGES = 5;
const QPN = 0x100;

/** One connection after the other: connected, disconnected, both handles destroyed, timewait over. */
function cycles(link: Link): (times: number) => void {
  const consumers = new Consumers(link);
  return (times) => {
    consumers.messages = 0;
    for (let i = 0; i < times; i += 1) {
      const client = consumers.connect(QPN);
      consumers.disconnect(client, consumers.accepted);
    }
    if (consumers.messages !== MESSAGES * times)
      throw new Error(`a cycle takes ${MESSAGES} messages, not ${consumers.messages / times}`);
    const left = [link.client.usage().ceps, link.server.usage().ceps];
    if (left[0] !== 0 || left[1] !== 1)
      throw new Error(`only the listener may be left, not ${left.join(' and ')} CEPs`);
  };
}

/** What others are compared with, too: a connection without a network or a consumer. */
export const MANAGERS_CYCLE: Case = {
  name: 'connect and disconnect, CEP managers',
  unit: 'µs',
  reference: FIVE_COPIES,
  run: cycles(linkOfManagers()),
};

export const CYCLE: readonly Case[] = [
  MANAGERS_CYCLE,
  cmCycle(MANAGERS_CYCLE),
  qpCycle(MANAGERS_CYCLE),
  {
    name: 'connect and disconnect, channel adapters',
    unit: 'µs',
    reference: FIVE_PACKETS,
    run: cycles(linkOfAdapters()),
  },
];
