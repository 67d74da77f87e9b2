import { Command } from 'commander';
import { type DecodeOptions, runDecode } from './decode/run.js';

export function decodeCommand(): Command {
  return new Command('decode')
    .description('show the CM messages in capture files, one a line')
    .argument('<files...>', 'pcap or pcapng files: RoCEv2, RoCEv1 or InfiniBand packets; - is standard input')
    .option('--json', 'one JSON object a line, with every field')
    .addHelpText(
      'after',
      `
Messages that cannot be decoded have lines too. Other packets are skipped.

Examples:
  ibcm decode capture.pcapng
  tcpdump -i eth0 -w - udp port 4791 | ibcm decode -
  ibcm decode --json *.pcap | jq -c 'select(.message == "REJ") | [.file, .frame, .fields.reason]'
  ibcm decode --json capture.pcap | jq -c 'select(.icrc == "bad")'

Exit status: 0 done, 1 a file could not be read, or not to its end, 2 wrong usage.`,
    )
    .action(async (files: string[], options: DecodeOptions) => {
      const { stdin, stdout, stderr, env: environment } = process;
      process.exitCode = await runDecode(files, options, { stdin, stdout, stderr, environment });
    });
}
