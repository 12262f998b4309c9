import { Option, type Command } from 'commander';
import type { Config } from '../config.js';
import { readSecret } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { flagOf, SETTINGS, type Setting } from './settings.js';
import { remark } from './terminal.js';

const HELP_COLUMNS = 80;
const HELP_INDENT = 9;

/** The flags of `notifier serve`, and its help, which fits a screen. */
export function withSettings(command: Command): Command {
  for (const setting of Object.values(SETTINGS).flat()) {
    command.addOption(new Option(`${flagOf(setting)} <value>`));
  }
  return command.configureHelp({ formatHelp: () => help() });
}

/** Runs the server in this process, with what the flags say over what the environment says. */
export async function serve(options: Readonly<Record<string, string>>): Promise<void> {
  const flags = new Map<string, string>();
  for (const setting of Object.values(SETTINGS).flat()) {
    const value = options[new Option(flagOf(setting)).attributeName()];
    if (value === undefined) continue;
    process.env[setting.name] = setting.isSecret ? fromFile(setting, value) : value;
    flags.set(setting.name, ` (${flagOf(setting)})`);
  }
  const config = await configOrExit(flags);
  const { run } = await import('../server.js');
  await run(config);
}

/** @param flags what to add to the names of settings that came from flags */
async function configOrExit(flags: ReadonlyMap<string, string>): Promise<Config> {
  const { ConfigError, readConfig } = await import('../config.js');
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const line of error.mistakes) remark(`notifier: ${withFlag(line, flags)}`);
    process.exit(EXIT.config);
  }
}

/** The server knows nothing of flags: whoever set one looks for its name. */
function withFlag(mistake: string, flags: ReadonlyMap<string, string>): string {
  return mistake.replace(/^(\w+)(=\S+)?/, (text, name: string) => text + (flags.get(name) ?? ''));
}

/** What ends a value of the environment, or stands for bytes that are no UTF-8. */
const NO_TEXT = /[\0\ufffd]/;

/**
 * A file of keys may hold in lines what the environment separates by commas.
 *
 * @throws Failure where it holds none: an empty value is an unset one, and the server would be open
 */
function fromFile(setting: Setting, path: string): string {
  const text = readSecret(path);
  if (text === '') throw unfit(setting, path, 'is empty');
  if (NO_TEXT.test(text)) throw unfit(setting, path, 'is not UTF-8 text');
  return setting.name === 'NOTIFIER_API_KEYS' ? text.replaceAll(/\r?\n/g, ',') : text;
}

function unfit(setting: Setting, path: string, fault: string): Failure {
  const message = `${setting.name} (${flagOf(setting)}) names a file that ${fault}`;
  return new Failure(EXIT.config, message, `see what ${path} holds; leave the flag out to set none`);
}

function help(): string {
  const groups = Object.entries(SETTINGS).map(([name, settings]) => group(name, settings));
  return `Usage: notifier serve [settings]

Runs the server. A flag is the setting of that name in the environment, and wins
over it: --buffer-ttl 60 is NOTIFIER_BUFFER_TTL=60. With their defaults:

${groups.join('\n')}

Times in seconds, sizes in bytes. Their meaning: docs/protocol.md, section 9.
`;
}

function group(name: string, settings: readonly Setting[]): string {
  const lines: string[] = [''];
  for (const item of settings.map((setting) => `${flagOf(setting)} ${setting.value}`)) {
    const line = lines.at(-1)!;
    const longer = line === '' ? item : `${line}  ${item}`;
    if (HELP_INDENT + longer.length <= HELP_COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(item);
  }
  return name.padEnd(HELP_INDENT) + lines.join(`\n${' '.repeat(HELP_INDENT)}`);
}
