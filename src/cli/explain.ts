import type { ServerOptions } from './credentials.js';
import { Server } from './server.js';
import { count, printable, say, span } from './terminal.js';

/** What `GET /clients?access_id=` answers. */
interface Explanation {
  readonly access_id: string;
  readonly log: {
    readonly events: number;
    readonly bytes: number;
    readonly oldest: string | null;
    readonly newest: string | null;
    readonly trimmed: number;
  };
  readonly connections: readonly (Connection | SilentNode)[];
  readonly drops: number;
}

interface Connection {
  readonly node: string;
  readonly since: number;
  readonly address: string;
  readonly form: 'plain' | 'resumable' | 'sse';
  /** `null` until it begins. */
  readonly position: string | null;
  readonly behind: number;
  readonly last_sign_of_life: number;
}

interface SilentNode {
  readonly node: string;
  readonly form: 'unknown';
}

const FORMS = {
  plain: 'a plain WebSocket, which says where to begin by timestamp',
  resumable: 'a resumable WebSocket',
  sse: 'server-sent events',
};

/** Why this user did, or did not, get something: in words. */
export async function explain(accessId: string, options: ServerOptions & { json?: true }): Promise<void> {
  const answer = (await new Server(options).get('/clients', { access_id: accessId })) as Explanation;
  if (options.json) return say(JSON.stringify(answer));
  await say(sentences(answer, Date.now()).join('\n'));
}

/** @param now Unix milliseconds */
function sentences(answer: Explanation, now: number): string[] {
  const { log, connections, drops } = answer;
  const name = printable(answer.access_id);
  if (log.events + log.trimmed + drops + connections.length === 0) {
    return [
      `Nobody knows ${name}: nothing was pushed for it, and it is not connected.`,
      'Access ids are compared byte by byte: is it spelled as the connector and the client spell it?',
    ];
  }
  return [
    ...ofLog(name, log),
    ...(drops > 0 ? [`It was dropped ${count(drops, 'time')}; that ended what was connected then.`] : []),
    ...ofConnections(connections, now),
  ];
}

function ofLog(name: string, { events, bytes, oldest, newest, trimmed }: Explanation['log']): string[] {
  const gone =
    trimmed > 0
      ? [
          `${count(trimmed, 'older event')} ${trimmed === 1 ? 'is' : 'are'} gone, too old or too many: whoever was behind is told of a gap.`,
        ]
      : [];
  if (events === 0) return [`The log of ${name} holds no event.`, ...gone];
  return [
    `The log of ${name} holds ${count(events, 'event')} (${count(bytes, 'byte')}), from ${oldest} to ${newest}.`,
    ...gone,
  ];
}

function ofConnections(connections: Explanation['connections'], now: number): string[] {
  if (connections.length === 0) {
    return ['It is not connected: what is pushed waits in the log until it comes back.'];
  }
  const known = connections.filter(({ form }) => form !== 'unknown').length;
  return [
    known > 0 ? `It has ${count(known, 'connection')}:` : 'It is not connected to a node that answers:',
    ...connections.map((connection) => `- ${ofConnection(connection, now)}`),
  ];
}

function ofConnection(connection: Connection | SilentNode, now: number): string {
  if (connection.form === 'unknown') {
    return `node ${connection.node} does not answer: it may have connections of this user`;
  }
  const { form, address, node, since, behind, last_sign_of_life: alive } = connection;
  const state =
    behind === 0
      ? 'it has been sent everything'
      : `${count(behind, 'event')} behind: its network or its program takes them more slowly than they come`;
  return `${FORMS[form]} from ${address} to node ${node}, for ${span(now - since)}; ${state}; last sign of life ${span(now - alive)} ago`;
}
