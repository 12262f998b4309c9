import type { IncomingMessage } from 'node:http';

/** What is wrong with a request's head that Node's parser lets through: RFC 9112, sections 2.3 and 3.2. */
export function headFault(request: IncomingMessage): string | undefined {
  const { httpVersionMajor, httpVersionMinor, rawHeaders } = request;
  if (httpVersionMajor !== 1) return 'the request is not HTTP/1.1';
  const hosts = hostsAmong(rawHeaders);
  if (hosts > 1) return 'Host must not stand twice';
  return hosts === 0 && httpVersionMinor >= 1 ? 'Host is missing' : undefined;
}

/** Names stand at even places, in the letters in which they came. */
function hostsAmong(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') hosts++;
  }
  return hosts;
}
