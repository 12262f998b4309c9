import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Installed {
  readonly dependencies?: object;
  readonly optionalDependencies?: object;
  readonly peerDependencies?: object;
}

type Packages = Readonly<Record<string, Installed>>;

/** The packages that npm installed in a folder, by their place there; and those without which Nest's own would not be complete. */
export async function installedIn(folder: string): Promise<{ all: string[]; ofNest: Set<string> }> {
  const text = await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Packages };
  const all = Object.keys(packages);
  const ofNest = new Set<string>();
  for (const place of all) if (place.startsWith('node_modules/@nestjs/')) collect(packages, place, ofNest);
  return { all, ofNest };
}

function collect(packages: Packages, place: string | undefined, into: Set<string>): void {
  if (place === undefined || into.has(place)) return;
  into.add(place);
  const { dependencies, optionalDependencies, peerDependencies } = packages[place]!;
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  for (const name of names) collect(packages, placeOf(packages, place, name), into);
}

/** Where Node finds a package: beside the one that asks, or beside one of those that hold it. */
function placeOf(packages: Packages, from: string, name: string): string | undefined {
  const inside = `${from}/node_modules/${name}`;
  if (packages[inside]) return inside;
  const end = from.lastIndexOf('/node_modules/');
  if (end >= 0) return placeOf(packages, from.slice(0, end), name);
  return packages[`node_modules/${name}`] && `node_modules/${name}`;
}
