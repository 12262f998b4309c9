import { open, readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { handleOf } from './socket-handle.js';

/** IPv4 clients of a listener on `::` stand in the second. */
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

/** proc_net_tcp(5): state, transmit queue, receive queue, timer, retransmits, user, timeout, inode. */
const ROW = / [0-9A-F]{2} ([0-9A-F]{8}):[0-9A-F]{8} \S+ \S+ +\d+ +\d+ (\d+) /;

/** Whoever asks within this time is answered by one look: with 100,000 sockets it reads 15 MB, 0.1 s of work. */
const SHARED_MS = 250;

/** How far a socket's peer has got. */
export interface SendQueue {
  /** Bytes that the peer's system has taken, ever. */
  readonly taken: number;
  /** Bytes given to the socket that it has not. */
  readonly waiting: number;
}

let looking: Promise<ReadonlyMap<string, number>> | undefined;

/**
 * What waits in front of a socket's peer, the kernel's send queue included. On loopback and fast links that one holds
 * megabytes: a reader of 64 KiB/s empties it for a minute before this process sees any room (measured: 4.2 MB, of which the
 * process is told when a third is free). Where the system does not tell (no /proc), only what this process still holds
 * is counted.
 *
 * @param passed how many bytes went past the stream, which does not count them
 * @returns `undefined` where the system cannot tell at the moment, as for want of a descriptor
 */
export async function sendQueueOf(socket: Socket, passed: () => number): Promise<SendQueue | undefined> {
  const queues = await look().catch(() => undefined);
  if (!queues) return undefined;
  const inode = await inodeOf(socket);
  // All at one moment: nothing is awaited from here on.
  const { bytesWritten = 0, writeQueueSize = 0 } = handleOf(socket);
  const waiting = writeQueueSize + (queues.get(inode) ?? 0);
  return { taken: bytesWritten + passed() - waiting, waiting };
}

async function inodeOf(socket: Socket): Promise<string> {
  const link = await readlink(`/proc/self/fd/${handleOf(socket).fd ?? -1}`).catch(() => '');
  return /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '';
}

function look(): Promise<ReadonlyMap<string, number>> {
  looking ??= delay(SHARED_MS, undefined, { ref: false }).then(() => {
    looking = undefined;
    return readQueues();
  });
  return looking;
}

/** Sockets with something in their send queue, by inode. */
async function readQueues(): Promise<ReadonlyMap<string, number>> {
  const queues = new Map<string, number>();
  for (const path of TABLES) {
    const table = await open(path).catch(orAbsent);
    if (!table) continue;
    for await (const line of table.readLines()) {
      const [, bytes, inode] = ROW.exec(line) ?? [];
      if (bytes !== undefined && bytes !== '00000000') queues.set(inode!, Number.parseInt(bytes, 16));
    }
  }
  return queues;
}

function orAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
