interface Described {
  readonly code?: string | number;
  readonly message?: string;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/**
 * Why something failed, in as few words as say it: a code of the system, of Node or of HTTP, or else the text. What only wraps
 * another error (`fetch`, a connection that tried several addresses) says nothing itself.
 */
export function causeOf(error: unknown): string {
  const { code, message, cause, errors } = (error ?? {}) as Described;
  if (cause !== undefined) return causeOf(cause);
  if (errors?.[0] !== undefined) return causeOf(errors[0]);
  // Its code is a number of old that tells nobody anything: 23 where time is over.
  if (error instanceof DOMException) return error.message;
  return String(code ?? (message || 'no reason is known'));
}
