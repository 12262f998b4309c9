import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/** Where `npm run build` puts the page, seen from this file's folder, be it in `src/` or in `dist/`. */
const BUILT = join(import.meta.dirname, '../../console/dist');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/**
 * The files of the page. They are read once, at the start: a request finds one by its name or finds nothing, and never gets near the
 * disk.
 */
export class PageFiles {
  private constructor(private readonly files: ReadonlyMap<string, PageFile>) {}

  /** As the build made them; none where it did not. */
  static built(folder = BUILT): PageFiles {
    const files = new Map<string, PageFile>();
    for (const name of namesIn(folder)) {
      const type = TYPES[extname(name)];
      if (type !== undefined) files.set(name, { type, content: readFileSync(join(folder, name)) });
    }
    return new PageFiles(files);
  }

  /** @param name with `/`, as `assets/page.js` */
  find(name: string): PageFile | undefined {
    return this.files.get(name);
  }
}

function namesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  } catch {
    return [];
  }
}
