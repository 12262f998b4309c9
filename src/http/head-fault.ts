import type { IncomingMessage } from 'node:http';

/** What is wrong with a request's head that Node's parser lets through: RFC 9112, sections 2.3, 3.2 and 6.1. */
export function headFault(request: IncomingMessage): string | undefined {
  const { httpVersionMajor, httpVersionMinor, rawHeaders, headers } = request;
  if (httpVersionMajor !== 1) return 'the request is not HTTP/1.1';
  // The parser undoes the chunks alone: what is in them would be read as if it were in no other coding.
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 'Transfer-Encoding must be chunked';
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
