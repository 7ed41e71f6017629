/** How well a checkpoint does on a fixed set of examples that it was not trained on. */
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { decodeCoordinate } from "../../engine/formats/coordinate_record.ts";
import { logit } from "../../engine/inference/logit.ts";
import type { Model } from "../../engine/models/model.ts";
import { readVariables } from "../../engine/training/checkpoint_store.ts";
import { type Example, ExampleLoader, keptInMemory } from "../../engine/training/example_loader.ts";
import { exampleSizes } from "../../engine/training/fov_geometry.ts";
import { FovLoop } from "../../engine/training/fov_loop.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { open } from "../../engine/volumes/open.ts";
import { readRecordFile } from "../../engine/volumes/record_file.ts";

/** Least loss that soft labels of 0.05 and 0.95 allow: their entropy. */
export const LEAST_LOSS = 0.1985;

/** Examples: volumes as `ffn train` opens them, and a file of coordinates in them. */
export interface HeldOut {
  readonly image: string;
  readonly labels: string;
  readonly coordinates: string;
  /** The first so many. */
  readonly count: number;
}

/**
 * Mean sigmoid cross entropy over whole fields of view at the first step of each example, before the network has moved.
 *
 * @param checkpoints Prefixes; a mean for each.
 */
export async function heldOutLosses(
  model: Model,
  { image, labels, coordinates, count }: HeldOut,
  checkpoints: readonly string[],
): Promise<number[]> {
  const sizes = exampleSizes(model, "no_step", 1);
  const volume = {
    ...{ name: "held", offset: 128, scale: 33 },
    image: await keptInMemory(await open(image)),
    labels: await keptInMemory(await open(labels)),
  };
  const loader = new ExampleLoader([volume], sizes, { permutableAxes: [], reflectableAxes: [] });
  const examples: Example[] = [];
  for await (const { data } of readRecordFile(coordinates)) {
    if (examples.length === count) break;
    const { center } = decodeCoordinate(data, coordinates);
    examples.push(await loader.load(loader.draw({ center, volume: "held" }, new Random(0))));
  }
  await using backend = await openWasmBackend({ threads: 1 });
  const means: number[] = [];
  for (const prefix of checkpoints) {
    const variables = await readVariables(prefix);
    await using step = await TrainingStep.open(model, 1, DEFAULT_OPTIMIZER, variables, backend);
    let [next, sum, voxels] = [0, 0, 0];
    const loop = new FovLoop({
      ...{ model, sizes, policy: "no_step", batchSize: 1, seedPad: 0.05, shifts: [] },
      threshold: Math.fround(logit(0.9)),
    }, {
      next: () => Promise.resolve(examples[next++]),
      load: () => Promise.resolve(examples[0]),
      finished: () => {},
    });
    for (let i = 0; i < examples.length; i++) {
      const batch = await loop.next();
      const logits = await step.predict(batch);
      logits.forEach((x, at) => {
        sum += Math.max(x, 0) - x * batch.labels[at] + Math.log1p(Math.exp(-Math.abs(x)));
      });
      voxels += logits.length;
      loop.writeBack(logits);
    }
    means.push(sum / voxels);
  }
  return means;
}
