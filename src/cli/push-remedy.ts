import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';

/** How far a run came before something went wrong. */
export interface Stored {
  readonly events: number;
  /** The last line that is stored; absent where none is, and for input that has no lines. */
  readonly lastLine?: number | undefined;
  /** The key that a repeat needs; absent where its batches would be others. */
  readonly run?: string | undefined;
}

/** A line of the input, or the whole of it, that is no event. Of its batch certainly nothing is stored. */
export class WrongInput extends Failure {
  /** @param line counted from 1; absent where it is not known */
  constructor(
    message: string,
    readonly line?: number,
    /** What to do instead of correcting it. */
    readonly remedy?: string,
  ) {
    super(EXIT.data, message, '');
  }
}

/** What was tried for long enough. It may be stored: an answer may have been lost. */
export class GaveUp extends Failure {}

/** The failure with a hint that says what is stored and how to go on without doubling or leaving out any. */
export function withRemedy(failure: Failure, stored: Stored): Failure {
  const { exitCode, message } = failure;
  const hint = failure instanceof WrongInput ? correction(failure, stored) : continuation(failure, stored);
  return new Failure(exitCode, message, hint);
}

function correction({ line, remedy }: WrongInput, stored: Stored): string {
  const what = remedy ?? `correct ${line === undefined ? 'it' : `line ${line}`}`;
  if (stored.events === 0) return `nothing is stored: ${what} and try again`;
  const next = stored.lastLine! + 1;
  // With batches of another size the key would count for other events.
  const again = stored.run === undefined || remedy !== undefined ? `go on from line ${next}` : repeat(stored);
  return `${linesUpTo(stored)}, and nothing from line ${next} on: ${what} and ${again}`;
}

function continuation(failure: Failure, stored: Stored): string {
  const { hint } = failure;
  const isUnsure = failure instanceof GaveUp;
  const again = stored.run === undefined ? `go on from line ${(stored.lastLine ?? 0) + 1}` : repeat(stored);
  if (stored.events === 0) return isUnsure && stored.run !== undefined ? `${hint}: ${again}` : hint;
  return `${linesUpTo(stored)}${isUnsure ? ', what follows may be' : ''}: ${hint}, and ${again}`;
}

function linesUpTo({ lastLine }: Stored): string {
  return lastLine === 1 ? 'line 1 is stored' : `lines 1 to ${lastLine} are stored`;
}

function repeat({ run }: Stored): string {
  return `repeat with --key ${run}, while the server remembers it (NOTIFIER_IDEMPOTENCY_TTL)`;
}
