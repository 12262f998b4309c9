/** What the program's exit code says: those of `sysexits.h` where it has one. `docs/cli.md`; a test holds the two together. */
export const EXIT = {
  done: 0,
  /** The question was answered, and the answer is no: a token that is not right, a finding of the doctor. */
  no: 1,
  /** The server ended the subscription: the user was dropped, or has too many connections. */
  ended: 3,
  usage: 64,
  data: 65,
  noInput: 66,
  unavailable: 69,
  fault: 70,
  refused: 77,
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
