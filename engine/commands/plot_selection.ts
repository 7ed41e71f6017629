import { COLOURS, plotLines } from "./plot_lines.ts";

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

const LINES = [["total", "VI"], ["split", "split"], ["merge", "merge"]] as const;

/** SVG plot of variation of information over training steps (at least one score); the least total is ringed. */
export function plotSelection(scores: readonly CheckpointScore[]): string {
  const best = scores.reduce((a, b) => b.total < a.total ? b : a);
  return plotLines({
    title: "variation of information, bits",
    xLabel: "training step",
    xTicks: scores.map(({ step }) => step),
    lines: LINES.map(([key, name], i) => ({
      ...{ name, colour: COLOURS[i], dots: true },
      points: scores.map((score) => [score.step, score[key]] as const),
    })),
    ring: { at: [best.step, best.total], text: `best: step ${best.step}` },
  });
}
