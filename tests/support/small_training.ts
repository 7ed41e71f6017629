/** A small network on training_sample2: data, flags, and a measure on examples that no run sees. */
import { join } from "node:path";
import { cacheFolder } from "../../engine/backends/measured_choices.ts";
import { createModel } from "../../engine/models/registry.ts";
import { ffn } from "./cli.ts";
import { heldOutLosses } from "./held_out_loss.ts";

const MODEL = { depth: 3, features: 8, fov_size: [17, 17, 17], deltas: [4, 4, 4] };
const SLABS = { train: "[0:160]", held: "[160:250]" };
/** Fixed examples, z >= 160. */
const HELD_OUT = 500;

/** Where such runs are, and their data. */
export interface SmallTraining {
  /** Stays after the program, so that one that was stopped goes on. */
  readonly folder: string;
  /** Flags of `ffn train`, of a run of `steps` updates with Adam at 0.001 and batches of 4. */
  flags(trainDir: string, steps: number, seed: number): string[];
  /** Mean loss of each checkpoint on the held-out examples. */
  losses(checkpoints: readonly string[]): Promise<number[]>;
}

/** Makes the coordinates of both slabs where they are not there yet. */
export async function smallTraining(fib25: string, name: string): Promise<SmallTraining> {
  const sample = `${fib25}/training_sample2`;
  const folder = join(cacheFolder() ?? await Deno.makeTempDir(), name);
  await Deno.mkdir(folder, { recursive: true });
  for (const [slab, range] of Object.entries(SLABS)) {
    const map = join(folder, `${slab}.h5`), coordinates = join(folder, `${slab}.gz`);
    if (await Deno.stat(coordinates).then(() => true, () => false)) continue;
    await done(
      ...["compute-partitions", "--input_volume", `${sample}/groundtruth.h5:stack${range}`],
      ...["--output_volume", `${map}:af`, "--lom_radius", "12,12,12"],
    );
    await done(
      ...["build-coordinates", "--partition_volumes", `${slab}:${map}:af`, "--seed", "1"],
      ...["--margin", "12,12,12", "--records", "100000", "--coordinate_output", coordinates],
    );
  }
  return {
    folder,
    flags: (trainDir, steps, seed) => [
      `--train-coords=${join(folder, "train.gz")}`,
      `--data-volumes=train:${sample}/grayscale_maps.h5:raw${SLABS.train}`,
      `--label-volumes=train:${sample}/groundtruth.h5:stack${SLABS.train}`,
      `--model-args=${JSON.stringify(MODEL)}`,
      ...["--image-mean=128", "--image-stddev=33", "--batch-size=4", "--permutable-axes=0,1,2"],
      ...["--optimizer=adam", "--learning-rate=0.001", `--max-steps=${steps}`, `--seed=${seed}`],
      ...["--backend=wasm", "--kernel-process=off", "--threads=1", `--train-dir=${trainDir}`],
      "--replica-step-delay=0",
    ],
    losses: (checkpoints) =>
      heldOutLosses(createModel("convstack_3d.ConvStack3DFFNModel", MODEL), {
        image: `${sample}/grayscale_maps.h5:raw${SLABS.held}`,
        labels: `${sample}/groundtruth.h5:stack${SLABS.held}`,
        coordinates: join(folder, "held.gz"),
        count: HELD_OUT,
      }, checkpoints),
  };
}

async function done(...args: string[]): Promise<void> {
  const { code, stderr } = await ffn(...args);
  if (code !== 0) throw new Error(`ffn ${args.join(" ")}: ${stderr}`);
}
