import { ConfigError, readConfig } from '../../src/config.js';

/** What is wrong with an environment, one line a mistake. */
export function mistakesOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.mistakes;
  }
}
