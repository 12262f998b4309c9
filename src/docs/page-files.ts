import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const OWN = join(import.meta.dirname, 'page');

export const PAGE = join(OWN, 'index.html');

/**
 * What the page loads, by its name there; nothing else of Swagger's folder is served. Swagger's files are those that `@nestjs/swagger`
 * brings, wherever npm has put them.
 */
export function pageFiles(): ReadonlyMap<string, string> {
  const own = createRequire(import.meta.url);
  const swagger = createRequire(own.resolve('@nestjs/swagger'));
  const theirs = dirname(swagger.resolve('swagger-ui-dist/package.json'));
  return new Map([
    ['start.js', join(OWN, 'start.js')],
    ...['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'].map(
      (name) => [name, join(theirs, name)] as const,
    ),
  ]);
}
