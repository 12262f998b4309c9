import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import type { Format } from './format.js';
import { useColours } from './theme.js';

/** One line of a plot. */
export interface Line {
  /** A custom property of the stylesheet, such as `--lane-0`. */
  readonly colour: string;
  readonly isFaint?: boolean;
  readonly values: readonly (number | null)[];
}

interface PlotProps {
  readonly seconds: readonly number[];
  readonly lines: readonly Line[];
  readonly format: Format;
  readonly isBinary: boolean;
  /** What a plot says in words, for whoever does not see it. */
  readonly summary: string;
  /** Is told where the pointer is: an index of `seconds`. */
  readonly onPoint: (index: number | undefined) => void;
}

/** Plots under the same key show the pointer at the same moment. */
const SYNC = 'now';

export function Plot({ seconds, lines, format, isBinary, summary, onPoint }: PlotProps) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const colours = useColours();
  const point = useRef(onPoint);
  point.current = onPoint;
  const looks = lines.map(({ colour, isFaint }) => `${colour}${isFaint ? '-' : ''}`).join();
  const data = [seconds, ...lines.map(({ values }) => values)] as UPlot.AlignedData;

  useEffect(() => {
    const within = element.current!;
    const made = new UPlot(
      optionsOf(within, lines, format, isBinary ? binaryRoof : decimalRoof, point),
      data,
      within,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(sizeOf(within)));
    observer.observe(within);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [looks, colours]);
  useEffect(() => plot.current?.setData(data), [seconds, lines]);
  return <div class="plot" ref={element} role="img" aria-label={summary} />;
}

function optionsOf(
  within: HTMLElement,
  lines: readonly Line[],
  format: Format,
  roof: (max: number) => number,
  point: { readonly current: (index: number | undefined) => void },
): UPlot.Options {
  const style = getComputedStyle(within);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: colour('--muted'), font, ticks: { show: false } };
  return {
    ...sizeOf(within),
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, max > 0 ? roof(max) : 1] } },
    axes: [
      {
        ...axis,
        size: 22,
        gap: 4,
        grid: { show: false },
        values: '{HH}:{mm}',
        space: 64,
        incrs: [60, 120, 300],
      },
      {
        ...axis,
        // As wide as the widest label: 1,023 MiB.
        size: 62,
        gap: 6,
        grid: { stroke: colour('--grid'), width: 1 },
        splits: (_plot, _axis, _min, max) => [0, max / 2, max],
        values: (_plot, splits) => labels(splits, format),
      },
    ],
    series: [{}, ...lines.map((line) => seriesOf(line, colour(line.colour), lines.length))],
    hooks: { setCursor: [({ cursor }) => point.current(cursor.idx ?? undefined)] },
  };
}

/** None for the half of one connection: it would be called 1, as the whole. */
function labels(splits: readonly number[], format: Format): string[] {
  const roof = format(splits.at(-1)!);
  return splits.map((value, i) => {
    if (value === 0) return '0';
    const label = format(value);
    return label === roof && i < splits.length - 1 ? '' : label;
  });
}

function seriesOf({ isFaint }: Line, stroke: string, count: number): UPlot.Series {
  return {
    stroke,
    width: isFaint ? 1 : 1.5,
    alpha: isFaint ? 0.75 : 1,
    ...(count === 1 && { fill: `${stroke}1a` }),
    points: { show: true, size: 3, fill: stroke, filter: isolated },
  };
}

function sizeOf({ clientWidth: width, clientHeight: height }: HTMLElement) {
  return { width, height };
}

/** Values without a neighbour: no line would show them. */
function isolated(plot: UPlot, series: number): number[] {
  const values = [...plot.data[series]!];
  const indexes = values.map((value, i) =>
    value !== null && values[i - 1] == null && values[i + 1] == null ? i : -1,
  );
  return indexes.filter((i) => i >= 0);
}

/** The smallest of 1, 2, 4, 6, 8 and 10 times a power of ten that is at least `max`: halves of it read well too. */
function decimalRoof(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max));
  return [1, 2, 4, 6, 8].map((factor) => factor * power).find((value) => value >= max) ?? 10 * power;
}

function binaryRoof(max: number): number {
  return 2 ** Math.ceil(Math.log2(max));
}
