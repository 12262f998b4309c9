import type { Socket } from 'node:net';

/** Sockets whose present answer is a stream: what is asked for behind it could be done, and never be answered. */
export const streamSockets = new WeakSet<Socket>();
