import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A code block of a Markdown document. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
}

/** The code blocks of a document, in their order; those in a list without its indentation. */
export async function codeBlocks(path: string): Promise<CodeBlock[]> {
  const document = await readFile(path, 'utf8');
  const blocks = document.matchAll(/^( *)```(\w+)\n(.*?)^\1```$/gms);
  return [...blocks].map(([, indent, language, text]) => ({
    language: language!,
    text: text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** The programs of a document that say in their first line what they are called, by that name. */
export async function programsOf(path: string): Promise<Map<string, string>> {
  const named = (await codeBlocks(path)).map(
    ({ text }) => [/^(?:<\?php )?(?:\/\/|#) ([\w-]+\.\w+)/.exec(text)?.[1], text] as const,
  );
  return new Map(named.filter((entry): entry is [string, string] => entry[0] !== undefined));
}

/** Writes files into a folder, which is made where it is missing. */
export async function writeFiles(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}
