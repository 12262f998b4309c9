import type { ServerOptions } from './credentials.js';
import { Server } from './server.js';
import { printable, say } from './terminal.js';

/** Ends every connection of a user. */
export async function drop(accessId: string, options: ServerOptions): Promise<void> {
  await new Server(options).post('/drop_user', { drop_access_id: accessId });
  await say(`dropped whatever was connected as ${printable(accessId)}`);
}
