/** What Node's errors and error events may tell; a browser's tell little. */
interface Fault {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly error?: unknown;
}

/**
 * Why a connection failed, of what was thrown or of an error event; empty where nothing is said. `fetch` has it in the cause, and
 * where several addresses were tried, there is a code and no message.
 */
export function reasonOf(thrown: unknown): string {
  const { message, cause, error } = Object(thrown) as Fault;
  const inner = Object(cause ?? error) as Fault;
  const texts = [inner.message, inner.code, message];
  return texts.find((text): text is string => typeof text === 'string' && text !== '') ?? '';
}
