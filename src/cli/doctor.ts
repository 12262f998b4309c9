import { ConfigError, readConfig } from '../config.js';
import { LOOPBACK_ONLY } from '../config/access.js';
import { isLoopback } from '../config/reader.js';
import { checkMachine } from './check-machine.js';
import { checkPeers, checkServer } from './check-peers.js';
import { urlOf } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { ok, problem, warning, type Finding } from './finding.js';
import { count, say } from './terminal.js';

const MARKS = { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' };

/** Looks at what the server would run with here, and says of each thing what to do. @throws Failure where there is a problem */
export async function doctor(options: { readonly url?: string }): Promise<void> {
  const findings = [
    ...(await checkHere(isElsewhere(options.url))),
    ...(options.url === undefined ? [] : await checkServer(options.url)),
  ];
  for (const { state, text, remedy } of findings) {
    await say(`${MARKS[state]}  ${text}`);
    if (remedy !== undefined) await say(`         ${remedy}`);
  }
  const problems = findings.filter(({ state }) => state === 'problem').length;
  if (problems > 0)
    throw new Failure(EXIT.no, `found ${count(problems, 'problem')}`, 'each has its remedy below it');
}

/** Whether the server that was named answers at an address that this machine alone could not be reached by. */
function isElsewhere(url: string | undefined): boolean {
  return url !== undefined && !isLoopback(urlOf({ url }, '/').hostname);
}

async function checkHere(isServerElsewhere: boolean): Promise<Finding[]> {
  try {
    const config = readConfig(process.env);
    const warnings = config.warnings
      .filter((line) => !isServerElsewhere || !line.startsWith(LOOPBACK_ONLY))
      .map((line) => warning('configuration: allowed, and perhaps not meant', line));
    const configured = [ok('configuration: no mistake in the environment'), ...warnings];
    return [...configured, ...(await checkMachine(config)), ...(await checkPeers(config))];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.mistakes.map((mistake) => problem('configuration: the server would not start', mistake));
  }
}
