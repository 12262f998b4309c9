#!/usr/bin/env node
import { EXIT } from './exit-codes.js';
import { failureOf } from './failure.js';
import { notifier } from './program.js';
import { printable } from './terminal.js';

/** Whoever reads the output has enough of it, as `head` does. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.fault);
});

try {
  await notifier().parseAsync();
} catch (error) {
  const { exitCode, message, hint } = failureOf(error);
  if (message !== '') process.stderr.write(`notifier: ${printable(message)}\n`);
  if (hint !== '') process.stderr.write(`  ${hint}\n`);
  process.exitCode = exitCode;
}
