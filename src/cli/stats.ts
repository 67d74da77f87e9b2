import { Command } from 'commander';
import type { Statistics } from '../service/index.js';
import { administer, serviceOption } from './administer.js';
import { statisticsText } from './statistics-text.js';
import { styleFor } from './style.js';
import { addWatchOptions, showOrWatch, type WatchOptions } from './watch.js';

interface Options extends WatchOptions {
  readonly service?: string;
  readonly json?: boolean;
}

export function statsCommand(): Command {
  return addWatchOptions(new Command())
    .addOption(serviceOption())
    .option('--json', 'one JSON object a line, with every count')
    .addHelpText(
      'after',
      `
What is 0 is left out. With --watch, each count is followed by what came since it was last shown. For Prometheus: ibcm service metrics, or ibcm serve --metrics.

Examples:
  ibcm stats
  ibcm stats --watch --interval-ms 5000
  ibcm stats --json | jq '.rejects[] | select(.received > 0)'`,
    )
    .action(async (options: Options) => {
      const style = styleFor(process.stdout);
      let before: Statistics | undefined;
      process.exitCode = await administer(options.service, (client) =>
        showOrWatch(options, async () => {
          const now = await client.statistics();
          const lines = options.json === true ? [JSON.stringify(now)] : statisticsText(now, before, style);
          if (options.watch === true) before = now;
          return lines;
        }),
      );
    });
}
