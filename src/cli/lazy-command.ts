import { Command } from 'commander';

/** A command whose code is loaded when it is called: those around the service need libraries that take longer to load than most commands to run. */
export function lazyCommand(name: string, description: string, load: () => Promise<Command>): Command {
  return new Command(name)
    .description(description)
    .usage('[options]')
    .allowExcessArguments()
    .helpOption(false)
    .exitOverride()
    .allowUnknownOption()
    .addHelpText('after', `\nSee "ibcm ${name} --help".`)
    .action(async (_: unknown, { args }: Command) => {
      const command = (await load()).name(`ibcm ${name}`).description(description);
      await command.parseAsync(args, { from: 'user' });
    });
}
