import { text as readAll } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import type { ClientsOptions } from './clients.js';
import { EXIT } from './exit-codes.js';
import { readSecret, withServer, withUrl, type ServerOptions } from './credentials.js';
import type { PushOptions } from './push.js';
import { serve, withSettings } from './serve.js';
import type { SubscribeOptions } from './subscribe.js';
import type { MakeOptions } from './token-make.js';
import type { TokenOptions } from './token-options.js';
import { version } from '../version.js';

/** What docs/cli.md says at length. */
const EXIT_CODES = `
Exit codes:
  ${EXIT.done} done, ${EXIT.no} the answer is no or the server cannot start, ${EXIT.ended} the server ended it;
  wrong: ${EXIT.usage} command line, ${EXIT.data} input, ${EXIT.noInput} a file, ${EXIT.refused} key or token, ${EXIT.config} settings;
  ${EXIT.unavailable} the server is away, ${EXIT.fault} a fault`;

/** The command line. What a command needs is loaded when it is called: `--help` must not wait for a server's libraries. */
export function notifier(): Command {
  const program = new Command('notifier')
    .description("Gets a back end's events to the right user's screens.")
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError()
    .helpCommand(false);
  addServer(program);
  addSubscriber(program);
  addConnector(program);
  addToken(program.command('token').description('make a token for development, or check one'));
  addHelp(program);
  return program.addHelpText('after', EXIT_CODES);
}

function addServer(program: Command): void {
  withSettings(program.command('serve').description('run the server')).action(serve);
  program
    .command('doctor')
    .description('look for what would keep the server from working as it should')
    .option('--url <url>', 'look at the server that runs there, too')
    .action(async (options: { url?: string }) => (await import('./doctor.js')).doctor(options));
}

function addSubscriber(program: Command): void {
  withUrl(program.command('subscribe'))
    .description("print a user's events as they come, as JSON lines on a pipe")
    .argument('[access_id]', "whose; absent: the token's")
    .option('--since <timestamp>', 'begin with what is buffered from that created_at on', integer)
    .option('--resume <id>', 'go on after the event of that id')
    .option('--count <n>', 'end after so many events', positive)
    .option('--json', 'JSON lines on a terminal, too')
    .option('--token-file <file>', 'where the token is; read again when a new one is needed')
    .option('--token <token>', 'the token itself; other users of this machine can see it')
    .action(async (accessId: string | undefined, options: SubscribeOptions) => {
      await (await import('./subscribe.js')).follow(accessId, options);
    });
}

function addConnector(program: Command): void {
  addPush(program);
  withServer(program.command('drop'))
    .description('end every connection of a user')
    .argument('<access_id>')
    .action(async (accessId: string, options: ServerOptions) =>
      (await import('./drop.js')).drop(accessId, options),
    );
  withServer(program.command('clients'))
    .description('list who is connected, as JSON lines on a pipe')
    .option('--watch', 'go on, and show what changes')
    .option('--json', 'JSON lines on a terminal, too')
    .action(async (options: ClientsOptions) => (await import('./clients.js')).clients(options));
  withServer(program.command('explain'))
    .description('say why a user got, or did not get, something')
    .argument('<access_id>')
    .option('--json', 'the answer of the server instead of words')
    .action(async (accessId: string, options: ServerOptions & { json?: true }) => {
      await (await import('./explain.js')).explain(accessId, options);
    });
}

function addPush(program: Command): void {
  withServer(program.command('push'))
    .description('push an event, or those of a file or of standard input: JSON lines, or one JSON array')
    .argument('[access_id]', 'whom for; absent: events are read')
    .argument('[payload]', 'JSON; what is not JSON is text')
    .option('--at <timestamp>', 'the created_at of the event; absent: now, in Unix milliseconds', integer)
    .option('--text', 'the payload is text, even if it is JSON as well')
    .option('--file <file>', 'read events from there; - is standard input')
    .option('--batch <n>', 'events in a push', positive, 500)
    .option(
      '--key <key>',
      'name this run: repeated with the same key and input, nothing is stored twice',
      named,
    )
    .option('--give-up <seconds>', 'how long to try what does not get through', positive, 60)
    .action(async (accessId: string | undefined, payload: string | undefined, options: PushOptions) => {
      await (await import('./push.js')).push(accessId, payload, options);
    });
}

function addToken(token: Command): void {
  withRules(token.command('make'))
    .description('make a token for a user')
    .argument('<access_id>')
    .option('--private-key-file <file>', 'sign with this key, in PEM, instead')
    .option('--expires-in <seconds>', 'how long it counts; below 0: it has expired', integer, 3600)
    .action(async (accessId: string, options: MakeOptions) => {
      await (await import('./token-make.js')).makeToken(accessId, options);
    });
  withRules(token.command('check'))
    .description('say everything that keeps the server from taking a token')
    .argument('[token]', 'absent: of --token-file, or standard input')
    .option('--token-file <file>', 'where the token is')
    .option('--access-id <id>', 'the user it must be for')
    .option('--public-key-file <file>', 'check with this public key, in PEM')
    .option('--jwks-url <url>', 'check with the keys that are published there')
    .option('--tolerance <seconds>', 'what clocks may differ by')
    .action(async (text: string | undefined, options: TokenOptions & { tokenFile?: string }) => {
      const { checkToken } = await import('./token-check.js');
      await checkToken(text ?? (await readToken(options)), options);
    });
}

/** The library's own goes one command deep, and takes what it does not know for the program. */
function addHelp(program: Command): void {
  program
    .command('help')
    .description('say what a command takes')
    .argument('[command...]')
    .action((names: string[]) => commandOf(program, names).help());
}

function commandOf(program: Command, names: string[]): Command {
  return names.reduce((command, name) => {
    const next = command.commands.find((candidate) => candidate.name() === name);
    return next ?? command.error(`unknown command '${name}'`);
  }, program);
}

async function readToken({ tokenFile }: { tokenFile?: string }): Promise<string> {
  return tokenFile === undefined ? (await readAll(process.stdin)).trim() : readSecret(tokenFile);
}

/** What the flags do not say, the settings of the server in the environment do. */
function withRules(command: Command): Command {
  return command
    .option('--secret-file <file>', 'the secret that tokens are signed with')
    .option('--issuer <text>', 'its iss')
    .option('--audience <text>', 'its aud')
    .option('--claim <name>', 'the claim that names the user');
}

function integer(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('It must be an integer.');
  return value;
}

/** A variable of a script that is not set would make one run of all. */
function named(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

function positive(text: string): number {
  const value = integer(text);
  if (value < 1) throw new InvalidArgumentError('It must be at least 1.');
  return value;
}
