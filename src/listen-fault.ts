import type { Config } from './config.js';
import { settingOf } from './config/setting-of.js';

type Address = Pick<Config, 'host' | 'port'>;

/** Why the server cannot listen, by the code of the system, and what to do; the error itself where that is all there is to say. */
export function listenFault(error: unknown, { host, port }: Address): Error {
  const { code = '' } = error as NodeJS.ErrnoException;
  const text = textOf(code, host, port);
  return text === undefined ? (error as Error) : new Error(`${text} (${code})`, { cause: error });
}

function textOf(code: string, host: string, port: number): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT=${port} is taken on ${host}: another program listens there; stop it, or set another PORT`;
    case 'EACCES':
      return `PORT=${port} may not be opened by this user: set 1024 or more, or grant CAP_NET_BIND_SERVICE`;
    case 'EADDRNOTAVAIL':
      return `${settingOf('HOST', host)} is no address of this machine`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${settingOf('HOST', host)} is no address, and no name that can be resolved`;
    default:
      return undefined;
  }
}
