import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { EstablishingTimes, Statistics } from './statistics.js';

type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** A metric, its labels, and where its values stand in the statistics. */
interface Family {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (statistics: Statistics) => readonly Sample[];
}

const PREFIX = 'ibcm_';
const ESTABLISHING = `${PREFIX}establishing_seconds`;

const byName = (label: string, values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);

function messageFamily(what: 'sent' | 'retries' | 'received' | 'duplicates', help: string): Family {
  return {
    kind: 'counter',
    name: `messages_${what}_total`,
    help: `CM messages ${help}`,
    labels: ['message'],
    samples: ({ messages }) => messages.map((counts) => [{ message: counts.message }, counts[what]]),
  };
}

function rejectFamily(what: 'sent' | 'received'): Family {
  return {
    kind: 'counter',
    name: `rejects_${what}_total`,
    help: `REJ messages ${what}, by reason`,
    labels: ['reason'],
    samples: ({ rejects }) => rejects.map((counts) => [{ reason: counts.reason }, counts[what]]),
  };
}

const FAMILIES: readonly Family[] = [
  {
    kind: 'gauge',
    name: 'connections',
    help: 'CEPs by state: connections, listeners, requests',
    labels: ['state'],
    samples: ({ states }) => byName('state', states),
  },
  messageFamily('sent', 'sent, retries included'),
  messageFamily('retries', 'sent again for want of an answer'),
  messageFamily('received', 'received, duplicates and dropped ones included'),
  messageFamily('duplicates', 'received again'),
  {
    kind: 'counter',
    name: 'drops_total',
    help: 'What came in and was dropped, and what could not be sent',
    labels: ['layer', 'reason'],
    samples: ({ drops }) => drops.map(({ layer, reason, count }) => [{ layer, reason }, count]),
  },
  rejectFamily('sent'),
  rejectFamily('received'),
  {
    kind: 'counter',
    name: 'transport_total',
    help: 'What the transport layer counts',
    labels: ['what'],
    samples: ({ transport }) => byName('what', transport),
  },
  {
    kind: 'gauge',
    name: 'usage',
    help: 'What exists now: buffers, timers, queue pairs and the like',
    labels: ['what'],
    samples: ({ usage }) => byName('what', usage),
  },
  {
    kind: 'gauge',
    name: 'clients',
    help: 'Clients of the service',
    labels: [],
    samples: ({ clients }) => [[{}, clients.length]],
  },
  {
    kind: 'gauge',
    name: 'client_used',
    help: 'What each client has of what is limited',
    labels: ['client', 'name', 'what'],
    samples: ({ clients }) =>
      clients.flatMap(({ id, name, used }) =>
        Object.entries(used).map(([what, value]): Sample => [{ client: id, name, what }, value]),
      ),
  },
  {
    kind: 'gauge',
    name: 'client_calls',
    help: 'Calls of each client that are not answered',
    labels: ['client', 'name'],
    samples: ({ clients }) => clients.map(({ id, name, calls }) => [{ client: id, name }, calls]),
  },
  {
    kind: 'gauge',
    name: 'client_waiting_messages',
    help: 'Messages that wait until their client reads',
    labels: ['client', 'name'],
    samples: ({ clients }) => clients.map(({ id, name, waiting }) => [{ client: id, name }, waiting]),
  },
];

/** The service's metrics, in Prometheus's text form. Nothing is counted here: the counters are read whenever somebody asks. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #read: () => Statistics;
  readonly #fill: readonly ((statistics: Statistics) => void)[];

  /** @param read the statistics of this moment. @param version of the package. */
  constructor(read: () => Statistics, version: string) {
    this.#read = read;
    collectDefaultMetrics({ register: this.#registry });
    new Gauge({
      name: `${PREFIX}build_info`,
      help: 'Always 1: the version stands in the label',
      labelNames: ['version'],
      registers: [this.#registry],
    }).set({ version }, 1);
    this.#fill = FAMILIES.map((family) => register(family, this.#registry));
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything as text. */
  async text(): Promise<string> {
    const statistics = this.#read();
    for (const fill of this.#fill) fill(statistics);
    return `${await this.#registry.metrics()}\n${histogramText(statistics.establishing)}`;
  }
}

/** @returns what fills the metric with the values of some statistics. */
function register({ kind, name, help, labels, samples }: Family, registry: Registry): (statistics: Statistics) => void {
  const options = { name: `${PREFIX}${name}`, help, labelNames: labels, registers: [registry] };
  // Both count upwards from an empty metric: a counter's values are its source's, which never fall.
  const metric = kind === 'counter' ? new Counter(options) : new Gauge(options);
  return (statistics) => {
    metric.reset();
    for (const [each, value] of samples(statistics)) metric.inc(each, value);
  };
}

/** A histogram whose buckets the connection manager has counted: prom-client's own want to count themselves. */
function histogramText({ bounds, counts, sumSeconds }: EstablishingTimes): string {
  let total = 0;
  const buckets = counts.map((count, bucket) => {
    total += count;
    return `${ESTABLISHING}_bucket{le="${bounds[bucket] ?? '+Inf'}"} ${total}\n`;
  });
  return [
    `# HELP ${ESTABLISHING} From the REQ to an established connection, at either side\n`,
    `# TYPE ${ESTABLISHING} histogram\n`,
    ...buckets,
    `${ESTABLISHING}_sum ${sumSeconds}\n`,
    `${ESTABLISHING}_count ${total}\n`,
  ].join('');
}
