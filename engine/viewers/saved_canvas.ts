import { join } from "node:path";
import type { Origins } from "../formats/origins.ts";
import type { Overlaps } from "../formats/overlaps.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import type { CanvasResult } from "../inference/canvas.ts";
import { saveCheckpoint } from "../inference/canvas_checkpoint.ts";
import { saveSegmentation } from "../segmentation/save_segmentation.ts";
import { subvolumePath } from "../segmentation/subvolume_paths.ts";
import type { AcceptedObject } from "./accepted_object.ts";

/** Below the folder of a session: what `ffn run-inference` goes on from. */
export const RESULTS = "results";

/** A canvas of a session, and where it goes. */
export interface SessionCanvas {
  readonly folder: string;
  readonly canvas: Box;
  /** Binary `InferenceRequest` of the run that goes on from it. */
  readonly request: Uint8Array;
  /** Labels `[z, y, x]` that it starts from; null without. */
  readonly base: Int32Array | null;
}

/** Writes a canvas with its objects: a checkpoint from which `ffn run-inference` goes on, and a segmentation. */
export async function saveCanvas(
  { folder, canvas, request, base }: SessionCanvas,
  objects: readonly AcceptedObject[],
  probOf: (id: number) => Promise<Uint8Array>,
): Promise<void> {
  const { start: corner, size } = canvas;
  const result = await canvasResult(canvas, base, objects, probOf);
  const none = new Int32Array();
  const owner = { size, request, isSameRequest: () => true };
  await saveCheckpoint(subvolumePath(join(folder, RESULTS), corner, "cpoint"), {
    ...result,
    seed: new Float32Array(volumeOf(size)).fill(NaN),
    ...{ history: [], historyDeleted: [], partialSteps: 0, seeds: null, counters: {} },
    movement: {
      start: [0, 0, 0],
      queuePositions: none,
      queueScores: new Float32Array(),
      done: none,
    },
    ...{ minPosition: [0, 0, 0], maxPosition: [0, 0, 0] },
  }, owner);
  const finished = { ...result, size, request, counters: {} };
  await saveSegmentation(join(folder, "accepted"), corner, finished);
}

/** Labels, probabilities and origins of a canvas, as a run would have left them. */
async function canvasResult(
  { size }: Box,
  base: Int32Array | null,
  objects: readonly AcceptedObject[],
  probOf: (id: number) => Promise<Uint8Array>,
): Promise<CanvasResult> {
  const segmentation = base ?? new Int32Array(volumeOf(size));
  const segProb = Uint8Array.from(segmentation, (label) => label > 0 ? 255 : 0);
  const origins: Origins = new Map(), overlaps: Overlaps = new Map();
  for (const object of objects) {
    const prob = await probOf(object.id);
    const { start, size: [depth, height, width] } = object.box;
    for (let z = 0, p = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        const row = ((start[0] + z) * size[1] + start[1] + y) * size[2] + start[2];
        for (let i = row; i < row + width; i++, p++) {
          if (prob[p] === 0) continue;
          segmentation[i] = object.id;
          segProb[i] = prob[p];
        }
      }
    }
    const { steps: iters, seconds: walltimeSec, overlap } = object;
    origins.set(object.id, { startZyx: object.start, iters, walltimeSec });
    const ids = overlap.map(([id]) => id), counts = overlap.map(([, count]) => count);
    overlaps.set(object.id, { ids, counts });
  }
  return { segmentation, segProb, origins, overlaps };
}
