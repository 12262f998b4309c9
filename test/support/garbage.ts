import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Takes away, at once, whatever nothing refers to. */
export const collectGarbage = runInNewContext('gc') as () => void;
