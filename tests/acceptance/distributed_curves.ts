/**
 * Loss over examples seen: one process, four workers whose gradients are applied as they come, four whose gradients are
 * averaged. Runs that are finished stay in the cache folder; `FFN_STEPS` shortens them, `FFN_PLOT` names the picture.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COLOURS, plotLines } from "../../engine/commands/plot_lines.ts";
import { newestStep } from "../../engine/commands/training_status.ts";
import { LEAST_LOSS } from "../support/held_out_loss.ts";
import { smallTraining } from "../support/small_training.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "held-out loss over examples seen: one process, 4 asynchronous workers, 4 synchronous ones, in one SVG";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const WORKERS = 4;
const BATCH = 4;
/** Points of a curve beside the first. */
const POINTS = 10;
const STEPS = Number(Deno.env.get("FFN_STEPS") ?? 3000);

/** An update of the last takes the examples of four of the others. */
const RUNS = [
  { name: "one process", updates: STEPS, examples: BATCH, flags: [] },
  { name: "asynchronous", updates: STEPS, examples: BATCH, flags: [`--workers=${WORKERS}`] },
  {
    name: "synchronous",
    updates: Math.round(STEPS / WORKERS),
    examples: BATCH * WORKERS,
    flags: [`--workers=${WORKERS}`, "--synchronous=true", `--sync-n-replicas=${WORKERS}`],
  },
] as const;

export async function run({ fib25, folder, check, print }: AcceptanceContext): Promise<void> {
  const training = await smallTraining(fib25, "slurm_train_faults");
  const curves: (readonly (readonly [number, number])[])[] = [];
  for (const { name, updates, examples, flags } of RUNS) {
    const every = Math.floor(updates / POINTS);
    const trainDir = join(training.folder, `curves_${STEPS}`, name.replace(" ", "_"));
    if (await newestStep(trainDir) !== updates) {
      const { code } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", CLI, "train", ...training.flags(trainDir, updates, 1), ...flags],
          ...[`--checkpoint-every-steps=${every}`, "--max-checkpoints-to-keep=1000"],
        ],
        stdout: "null",
      }).output();
      check(`${name}: exit code`, code, "0", code === 0);
    }
    const steps = (await Array.fromAsync(Deno.readDir(trainDir)))
      .flatMap(({ name }) => /^model\.ckpt-(\d+)\.index$/.exec(name)?.[1] ?? [])
      .map(Number).sort((a, b) => a - b);
    const losses = await training.losses(steps.map((step) => join(trainDir, `model.ckpt-${step}`)));
    curves.push(steps.map((step, i) => [step * examples, losses[i]] as const));
    print(`${name}: ${curves.at(-1)!.map(([n, y]) => `${n}: ${y.toFixed(4)}`).join(", ")}`);
  }
  const svg = plotLines({
    title: "held-out loss (500 examples)",
    xLabel: "examples seen",
    xTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => share * STEPS * BATCH),
    lines: RUNS.map(({ name }, i) => ({ name, colour: COLOURS[i], points: curves[i], dots: true })),
  });
  const path = Deno.env.get("FFN_PLOT") ?? join(folder, "curves.svg");
  await Deno.writeTextFile(path, svg);
  print(path);
  const begin = curves[0][0][1];
  for (const [i, curve] of curves.entries()) {
    const [seen, loss] = curve.at(-1)!;
    const share = (loss - LEAST_LOSS) / (begin - LEAST_LOSS);
    const what = `${RUNS[i].name}: share of the excess that is left after ${seen} examples`;
    check(what, share.toFixed(3), "<= 1/3", share <= 1 / 3);
  }
}
