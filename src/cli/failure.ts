import { CommanderError } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.js';

/** What went wrong, in one line, and what to do about it, in another. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly exitCode: ExitCode,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** As the codes and as the texts of OpenSSL. One that has expired, or that is of another host, no authority makes right. */
const UNTRUSTED = /self.signed.cert|unable.to.(get.*issuer|verify)/i;

/** What to do where a connection failed because nobody vouches for the server's certificate. */
export function certificateHint(why: string): string | undefined {
  if (!UNTRUSTED.test(why)) return undefined;
  return 'nobody known here vouches for its certificate: name a private authority with NODE_EXTRA_CA_CERTS=ca.pem';
}

/** The failure of whatever was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return usage(error);
  const message = error instanceof Error ? error.message : String(error);
  return new Failure(EXIT.fault, message, 'this should not happen: please report it');
}

function usage({ code, message, exitCode }: CommanderError): Failure {
  // Help and version have been printed, asked for or not.
  if (/^commander\.(help|version)/.test(code))
    return new Failure(exitCode === 0 ? EXIT.done : EXIT.usage, '', '');
  const line = message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new Failure(EXIT.usage, line, 'the command with --help says what it takes');
}
