import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

/** The client library as one minified file, as an application's build makes it. */
export async function clientBundle(): Promise<string> {
  const esbuild = resolve('node_modules/esbuild/bin/esbuild');
  const args = ['src/client/client.ts', '--bundle', '--minify', '--format=esm', '--target=es2022'];
  const { stdout } = await promisify(execFile)(esbuild, args);
  return stdout;
}
