/** What a checkpoint's result was measured to be. */
export interface CheckpointScore {
  readonly step: number;
  /** Variation of information in bits: cut up, run together, both. */
  readonly split: number;
  readonly merge: number;
  readonly total: number;
  readonly adaptedRandError: number;
  /** Share of voxels in objects. */
  readonly coverage: number;
}

const WIDTH = 640, HEIGHT = 360;
const MARGIN = { left: 56, right: 96, top: 24, bottom: 44 };
/** Told apart in print and by people who see red and green alike. */
const LINES = [
  { key: "total", name: "VI", colour: "#222222" },
  { key: "split", name: "split", colour: "#0072b2" },
  { key: "merge", name: "merge", colour: "#d55e00" },
] as const;

/** SVG plot of variation of information over training steps (at least one score); the least total is ringed. */
export function plotSelection(scores: readonly CheckpointScore[]): string {
  const steps = scores.map(({ step }) => step);
  const first = Math.min(...steps), last = Math.max(...steps);
  const top = Math.max(...scores.map(({ total }) => total), Number.MIN_VALUE);
  const x = (step: number) =>
    MARGIN.left +
    (last === first ? 0.5 : (step - first) / (last - first)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (bits: number) =>
    HEIGHT - MARGIN.bottom - bits / top * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const at = (n: number) => n.toFixed(1);
  const best = scores.reduce((a, b) => b.total < a.total ? b : a);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...ticks.flatMap((bits) => [
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at(y(bits))}" y2="${
        at(y(bits))
      }" stroke="#dddddd"/>`,
      `<text x="${MARGIN.left - 6}" y="${at(y(bits) + 4)}" text-anchor="end">${
        bits.toPrecision(3)
      }</text>`,
    ]),
    ...steps.map((step) =>
      `<text x="${at(x(step))}" y="${
        HEIGHT - MARGIN.bottom + 18
      }" text-anchor="middle">${step}</text>`
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">training step</text>`,
    `<text x="12" y="14">variation of information, bits</text>`,
    ...LINES.flatMap(({ key, name, colour }) => {
      const points = scores.map((score) => `${at(x(score.step))},${at(y(score[key]))}`);
      const end = scores.at(-1)!;
      return [
        `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ...scores.map((score) =>
          `<circle cx="${at(x(score.step))}" cy="${at(y(score[key]))}" r="3" fill="${colour}"/>`
        ),
        `<text x="${at(x(end.step) + 10)}" y="${
          at(y(end[key]) + 4)
        }" fill="${colour}">${name}</text>`,
      ];
    }),
    `<circle cx="${at(x(best.step))}" cy="${
      at(y(best.total))
    }" r="7" fill="none" stroke="#222222"><title>best: step ${best.step}</title></circle>`,
    "</svg>",
    "",
  ].join("\n");
}
