import { get } from './http.js';
import { eventually } from './wait.js';

/** Whether a node says that it can do its work. */
export async function isReady(url: string): Promise<boolean> {
  return (await get(url, '/health/ready')).status === 200;
}

export function untilReady(url: string): Promise<void> {
  return eventually(() => isReady(url), `the node at ${url} is ready`);
}
