import { ConfigError, EXIT_CONFIG, readConfig, type Config } from './config.js';
import { run } from './server.js';

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const mistake of error.mistakes) process.stderr.write(`notifier: ${mistake}\n`);
    process.exit(EXIT_CONFIG);
  }
}

await run(configOrExit());
