import { Command } from 'commander';
import { lookUpAny } from '../io/index.js';
import { checkMachine } from './doctor/checks.js';
import type { Finding, Level } from './doctor/finding.js';
import { thisMachine } from './doctor/machine.js';
import { checkSelfConnect } from './doctor/self-connect.js';
import { STATUS_FAILED } from './output-failure.js';
import { type RunningService, runningServices } from './service-choice.js';
import { type Style, styleFor } from './style.js';

interface Options {
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('look for what keeps ibcm from working on this machine, or makes it slow, and say what to do about it')
    .argument('[address]', 'the address of this machine that matters, or its name (default: any)')
    .option('--json', 'one JSON object a line for each finding')
    .addHelpText(
      'after',
      `
Examples:
  ibcm doctor
  ibcm doctor 192.0.2.5 --json

Exit status: 1 if something keeps ibcm from working.`,
    )
    .action(async (address: string | undefined, { json = false }: Options) => {
      process.exitCode = await examine(address, json);
    });
}

async function examine(named: string | undefined, json: boolean): Promise<number> {
  const address = named === undefined ? undefined : (await lookUpAny(named)).address;
  const style = styleFor(process.stdout);
  const services: RunningService[] = [];
  for await (const service of runningServices()) services.push(service);
  const owner = services.find(({ addresses }) => address !== undefined && addresses.includes(address));
  const findings = [...checkMachine(thisMachine(services), address)];
  // Who owns the address has its port; whoever asks uses the service.
  if (owner === undefined) findings.push(await checkSelfConnect(address));
  for (const finding of findings) {
    process.stdout.write(`${json ? JSON.stringify(finding) : textOf(finding, style)}\n`);
  }
  return findings.some(({ level }) => level === 'error') ? STATUS_FAILED : 0;
}

const LEVEL_WIDTH = 'warning'.length;
const CHECK_WIDTH = 'ipv6-checksum'.length;

function textOf({ check, level, message, advice }: Finding, style: Style): string {
  const marks: Record<Level, (text: string) => string> = { ok: style.green, warning: style.bold, error: style.red };
  const line = `${marks[level](level.padEnd(LEVEL_WIDTH))}  ${check.padEnd(CHECK_WIDTH)}  ${message}`;
  const indent = ' '.repeat(LEVEL_WIDTH + CHECK_WIDTH + 4);
  return advice === undefined ? line : `${line}\n${indent}→ ${advice}`;
}
