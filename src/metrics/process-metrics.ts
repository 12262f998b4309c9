import { collectDefaultMetrics, Registry } from 'prom-client';

let register: Registry | undefined;

/** CPU, memory, descriptors, garbage collection and event loop of this process: one register, however many applications run in it. */
export function processMetrics(): Registry {
  if (register) return register;
  register = new Registry();
  collectDefaultMetrics({ register });
  return register;
}
