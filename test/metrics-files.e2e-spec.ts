import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Figures } from './support/figures.js';
import { startApp, type RunningApp } from './support/start-app.js';

const read = (path: string) => readFile(join(import.meta.dirname, '..', path), 'utf8');

/** The metrics that a query of Prometheus names. */
const named = (query: string) => query.match(/\b(notifier|process|nodejs)_[a-z0-9_]+/g) ?? [];

/** The label matchers of a query: name and value, where they are written out. */
const matchers = (query: string) =>
  [...query.matchAll(/([a-z_]+)\{([^}]*)\}/g)].flatMap(([, metric, inner]) =>
    [...inner!.matchAll(/([a-z]+)="([^"$]*)"/g)].map(([, label, value]) => ({ metric, label, value })),
  );

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

describe('the files for operators', () => {
  let running: RunningApp;
  let figures: Figures;
  let alerts: string[];
  let panels: string[];

  beforeAll(async () => {
    running = await startApp();
    figures = await Figures.of(running.url);
    const rules = await read('deploy/alerts.yaml');
    alerts = [...rules.matchAll(/expr: >-\n((?: {10}.*\n)+)/g)].map((match) => match[1]!);
    expect(alerts).toHaveLength(rules.match(/- alert:/g)!.length);
    const dashboard = JSON.parse(await read('deploy/grafana-dashboard.json')) as Dashboard;
    panels = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(Math.min(alerts.length, panels.length)).toBeGreaterThan(10);
  });

  afterAll(() => running.close());

  /** Names of samples, histograms' parts among them. */
  const told = () => new Set(figures.samples.map((sample) => sample.split('{')[0]!));

  test('ask for nothing that the server does not tell', () => {
    for (const query of [...alerts, ...panels]) {
      for (const name of named(query)) expect([query, name, told().has(name)]).toEqual([query, name, true]);
    }
  });

  test('ask for no value of a label that does not exist', () => {
    for (const { metric, label, value } of [...alerts, ...panels].flatMap(matchers)) {
      if (label === 'job') continue;
      const known = figures.samples.some(
        (s) => s.startsWith(`${metric}{`) && s.includes(`${label}="${value}"`),
      );
      expect([metric, label, value, known]).toEqual([metric, label, value, true]);
    }
  });

  test('show every metric that is the server’s own', async () => {
    const asked = new Set(panels.flatMap(named).map((name) => name.replace(/_bucket$/, '')));
    const own = [...figures.types.keys()].filter((name) => name.startsWith('notifier_'));
    expect(own.filter((name) => !asked.has(name))).toEqual([]);
  });

  test('describe every metric with its type and its labels, and no other', async () => {
    const rows = [
      ...(await read('docs/metrics.md')).matchAll(/^\| `(notifier_\w+)` +\| (\w+) +\| ([^|]*)\|/gm),
    ];
    const described = rows.map(([, name, type, labels]) => [
      name,
      type,
      [...labels!.matchAll(/`(\w+)`/g)].map((match) => match[1]),
    ]);
    const own = [...figures.types].filter(([name]) => name.startsWith('notifier_'));
    const expected = own.map(([name, type]) => [name, type, figures.labelsOf(name)]);
    expect(new Set(described.map((row) => JSON.stringify(row)))).toEqual(
      new Set(expected.map((row) => JSON.stringify(row))),
    );
  });

  test('follow the conventions of Prometheus in their names, and keep series few', () => {
    for (const [name, type] of figures.types) {
      if (!name.startsWith('notifier_')) continue;
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
    const own = figures.samples.filter((sample) => sample.startsWith('notifier_'));
    expect(own.length).toBeLessThan(250);
  });
});
