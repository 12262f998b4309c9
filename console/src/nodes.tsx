import { ago, bytes, count, duration, rate, type Format } from './format.js';
import { lastSample, type Figure, type Lane } from './lanes.js';

const COLUMNS: readonly (readonly [name: string, figure: Figure, format: Format, isMinor?: boolean])[] = [
  ['Connections', 'connections', count],
  ['Users', 'users', count, true],
  ['In /s', 'events_per_second', rate],
  ['Out /s', 'deliveries_per_second', rate],
  ['p50', 'latency_p50_ms', duration, true],
  ['p99', 'latency_p99_ms', duration, true],
  ['Buffered', 'buffered_bytes', bytes, true],
];

/** Each node with what it does now, and the colour that it has in the plots. */
export function Nodes({ lanes }: { lanes: readonly Lane[] }) {
  return (
    <section class="panel nodes">
      <h2 id="nodes-title">Nodes</h2>
      {lanes.length === 0 ? (
        <p class="empty">No figures yet: the first ones come within a second.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-labelledby="nodes-title">
          <table>
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col" class="number minor">
                  Up for
                </th>
                {COLUMNS.map(([name, , , isMinor]) => (
                  <th key={name} scope="col" class={isMinor ? 'number minor' : 'number'}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {lanes.map((lane) => (
                <Row key={lane.index} lane={lane} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ lane }: { lane: Lane }) {
  const { index, node, startedAt, state } = lane;
  const sample = lastSample(lane);
  return (
    <tr class={state}>
      <th scope="row">
        <span class={`chip lane-${index % 6}`} aria-hidden="true" />
        <span class="mono">{node}</span>
        {state === 'silent' && <span class="tag tag-bad">does not answer</span>}
        {state === 'gone' && <span class="tag">gone</span>}
      </th>
      <td class="number minor">{startedAt === null || state !== 'there' ? '–' : ago(startedAt)}</td>
      {COLUMNS.map(([name, figure, format, isMinor]) => {
        const value = state === 'there' ? (sample?.[figure] ?? null) : null;
        return (
          <td key={name} class={isMinor ? 'number minor' : 'number'}>
            {value === null ? '–' : format(value)}
          </td>
        );
      })}
    </tr>
  );
}
