import { setTimeout as delay } from 'node:timers/promises';
import type { ServerOptions } from './credentials.js';
import { Server } from './server.js';
import { columns, count, printable, say } from './terminal.js';

export interface ClientsOptions extends ServerOptions {
  readonly watch?: true;
  readonly json?: true;
}

interface Client {
  readonly access_id: string;
  readonly connections: number;
}

const WATCH_EVERY_MS = 2000;

const CLEAR_SCREEN = '\u001b[2J\u001b[3J\u001b[H';

/** Who is connected: a table on a terminal, JSON lines on a pipe. */
export async function clients(options: ClientsOptions): Promise<void> {
  const server = new Server(options);
  const isTable = process.stdout.isTTY && !options.json;
  const show = isTable ? showTable : new Changes().show;
  if (!options.watch) return show(await everyone(server));
  for (;;) {
    const everyoneNow = await everyone(server);
    if (isTable) process.stdout.write(CLEAR_SCREEN);
    await show(everyoneNow);
    await delay(WATCH_EVERY_MS);
  }
}

async function everyone(server: Server): Promise<readonly Client[]> {
  const all: Client[] = [];
  let after: string | undefined;
  do {
    const query: Record<string, string> = { limit: '10000', ...(after !== undefined && { after }) };
    const page = (await server.get('/clients', query)) as { clients: Client[]; next: string | null };
    all.push(...page.clients);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return all;
}

async function showTable(all: readonly Client[]): Promise<void> {
  const connections = all.reduce((sum, client) => sum + client.connections, 0);
  if (all.length > 0) {
    const rows = all.map((client) => [printable(client.access_id), String(client.connections)]);
    await say(columns([['access id', 'connections'], ...rows]));
  }
  await say(`${count(all.length, 'user')}, ${count(connections, 'connection')}`);
}

/** Everyone at first, and then whose number of connections has changed; 0 for who is gone. */
class Changes {
  private known = new Map<string, number>();

  readonly show = async (all: readonly Client[]): Promise<void> => {
    const now = new Map(all.map((client) => [client.access_id, client.connections]));
    for (const accessId of this.known.keys()) if (!now.has(accessId)) await this.say(accessId, 0);
    for (const [accessId, connections] of now) {
      if (this.known.get(accessId) !== connections) await this.say(accessId, connections);
    }
    this.known = now;
  };

  private say(accessId: string, connections: number): Promise<void> {
    return say(JSON.stringify({ access_id: accessId, connections }));
  }
}
