import { Command, InvalidArgumentError } from 'commander';
import { withoutControlCharacters } from '../base/index.js';
import { STATES } from '../cep/index.js';
import type { ConnectionInfo } from '../service/index.js';
import { administer, serviceOption } from './administer.js';
import { columns } from './columns.js';
import { durationText } from './duration-text.js';
import { serviceText } from './service-text.js';
import { styleFor } from './style.js';
import { addWatchOptions, showOrWatch, type WatchOptions } from './watch.js';

interface Options extends WatchOptions {
  readonly service?: string;
  readonly state?: string;
  readonly json?: boolean;
}

export function psCommand(): Command {
  return addWatchOptions(new Command())
    .option('--state <state>', 'only those in this state, such as ESTABLISHED', stateNamed)
    .addOption(serviceOption())
    .option('--json', 'one JSON object a line, with every field')
    .addHelpText(
      'after',
      `
A service is what listens or was asked for: tcp:7471 is port 7471 in rdma_cm's TCP port space. An owner is a client's number, name and process; "gone" is what was
destroyed, and only ends what the protocol owes the peer.

Examples:
  ibcm ps
  ibcm ps --watch --state ESTABLISHED
  ibcm ps --json | jq 'select(.retries > 0) | [.remoteAddress, .state, .retries]'`,
    )
    .action(async (options: Options) => {
      process.exitCode = await administer(options.service, (client) =>
        showOrWatch(options, async () => {
          const { state: wanted } = options;
          const all = await client.connections();
          const shown = wanted === undefined ? all : all.filter(({ state }) => state === wanted);
          return options.json === true ? shown.map((each) => JSON.stringify(each)) : table(shown);
        }),
      );
    });
}

function stateNamed(text: string): string {
  const name = text.toUpperCase();
  const states: readonly string[] = STATES;
  if (!states.includes(name)) throw new InvalidArgumentError(`There are ${STATES.join(', ')}.`);
  return name;
}

const HEADINGS = ['CID', 'STATE', 'ROLE', 'SERVICE', 'LOCAL', 'QPN', 'REMOTE', 'QPN', 'AGE', 'RETRIES', 'OWNER'];

function table(connections: readonly ConnectionInfo[]): readonly string[] {
  const [headings = '', ...rows] = columns([HEADINGS, ...connections.map(cells)]);
  return [styleFor(process.stdout).bold(headings), ...rows];
}

function cells(connection: ConnectionInfo): string[] {
  const { cid, state, role, serviceId, localAddress, localQpn, remoteAddress, remoteQpn, ageMs, retries } = connection;
  return [
    String(cid),
    state,
    role,
    serviceText(serviceId),
    localAddress || '-',
    qpn(localQpn),
    remoteAddress || '-',
    qpn(remoteQpn),
    ageMs === undefined ? '-' : durationText(ageMs),
    String(retries),
    ownerText(connection),
  ];
}

const qpn = (number: number): string => (number === 0 ? '-' : `0x${number.toString(16).padStart(6, '0')}`);

function ownerText({ owner, unbound }: ConnectionInfo): string {
  if (unbound) return 'gone';
  if (owner === undefined) return '-';
  const { id, name, pid } = owner;
  return [
    `${id}`,
    ...(name === '' ? [] : [withoutControlCharacters(name)]),
    ...(pid === undefined ? [] : [`(${pid})`]),
  ].join(' ');
}
