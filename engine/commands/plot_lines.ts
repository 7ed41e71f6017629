/** One line of a plot. */
export interface PlotLine {
  readonly name: string;
  readonly colour: string;
  /** x and y, x ascending; at least one. */
  readonly points: readonly (readonly [number, number])[];
  /** Draws a dot at each point. */
  readonly dots?: boolean;
}

/** What is drawn. */
export interface Plot {
  /** What y is, with its unit; y begins at 0. */
  readonly title: string;
  /** What x is. */
  readonly xLabel: string;
  readonly xTicks: readonly number[];
  readonly lines: readonly PlotLine[];
  /** A point with a ring about it, and what it says. */
  readonly ring?: { readonly at: readonly [number, number]; readonly text: string };
}

const WIDTH = 640, HEIGHT = 360;
const MARGIN = { left: 56, right: 96, top: 24, bottom: 44 };

/** Colours told apart in print and by people who see red and green alike. */
export const COLOURS = ["#222222", "#0072b2", "#d55e00", "#009e73"] as const;

/** SVG of lines (at least one), each with its name at its end. */
export function plotLines({ title, xLabel, xTicks, lines, ring }: Plot): string {
  const all = lines.flatMap(({ points }) => points);
  const xs = [...all.map(([x]) => x), ...xTicks];
  const first = Math.min(...xs), last = Math.max(...xs);
  const top = Math.max(...all.map(([, y]) => y), Number.MIN_VALUE);
  const px = (x: number) =>
    MARGIN.left +
    (last === first ? 0.5 : (x - first) / (last - first)) * (WIDTH - MARGIN.left - MARGIN.right);
  const py = (y: number) =>
    HEIGHT - MARGIN.bottom - y / top * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const at = (n: number) => n.toFixed(1);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  const labels = spread(lines.map(({ points }) => py(points.at(-1)![1]) + 4));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...ticks.flatMap((y) => [
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at(py(y))}" y2="${
        at(py(y))
      }" stroke="#dddddd"/>`,
      `<text x="${MARGIN.left - 6}" y="${at(py(y) + 4)}" text-anchor="end">${
        y.toPrecision(3)
      }</text>`,
    ]),
    ...xTicks.map((x) =>
      `<text x="${at(px(x))}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${x}</text>`
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">${xLabel}</text>`,
    `<text x="12" y="14">${title}</text>`,
    ...lines.flatMap(({ name, colour, points, dots }, i) => [
      `<polyline points="${
        points.map(([x, y]) => `${at(px(x))},${at(py(y))}`).join(" ")
      }" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...(dots ? points : []).map(([x, y]) =>
        `<circle cx="${at(px(x))}" cy="${at(py(y))}" r="3" fill="${colour}"/>`
      ),
      `<text x="${at(px(points.at(-1)![0]) + 10)}" y="${
        at(labels[i])
      }" fill="${colour}">${name}</text>`,
    ]),
    ...ring
      ? [
        `<circle cx="${at(px(ring.at[0]))}" cy="${at(py(ring.at[1]))}" r="7" fill="none" stroke="${
          COLOURS[0]
        }"><title>${ring.text}</title></circle>`,
      ]
      : [],
    "</svg>",
    "",
  ].join("\n");
}

/** Heights of labels, moved down until none covers another. */
function spread(heights: readonly number[]): number[] {
  const result = [...heights];
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]);
  for (let i = 1; i < order.length; i++) {
    result[order[i]] = Math.max(result[order[i]], result[order[i - 1]] + 13);
  }
  return result;
}
