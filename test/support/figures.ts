import { get } from './http.js';

const SAMPLE = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/;

/** What `GET /metrics` has told at one moment. */
export class Figures {
  /** Types by name, as declared. */
  readonly types = new Map<string, string>();
  /** Values by name and labels: `notifier_subscriptions{form="plain"}`. */
  private readonly values = new Map<string, number>();

  constructor(readonly text: string) {
    for (const line of text.split('\n')) {
      const [, declared, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
      if (declared) this.types.set(declared, type!);
      const [, name, labels, value] = SAMPLE.exec(line) ?? [];
      if (name) this.values.set(labels ? `${name}{${labels}}` : name, Number(value));
    }
  }

  /** @throws Error where the answer is not 200 */
  static async of(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Figures> {
    const answer = await get(url, '/metrics', headers);
    if (answer.status !== 200) throw new Error(`metrics were answered ${answer.status}: ${answer.text}`);
    return new Figures(answer.text);
  }

  /** @throws Error where there is no such sample */
  value(sample: string): number {
    const value = this.values.get(sample);
    if (value === undefined) throw new Error(`no ${sample} in ${[...this.values.keys()].join(', ')}`);
    return value;
  }

  get samples(): string[] {
    return [...this.values.keys()];
  }

  /** How many labels the samples of a metric have, `le` of histograms aside, and what they are called. */
  labelsOf(name: string): string[] {
    const own = this.samples.filter(
      (sample) => sample.replace(/(_bucket|_sum|_count)?(\{.*)?$/, '') === name,
    );
    const labels = own.flatMap((sample) => [...sample.matchAll(/([a-z_]+)="/g)].map((match) => match[1]!));
    return [...new Set(labels)].filter((label) => label !== 'le');
  }
}
