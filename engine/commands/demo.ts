import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";

/** `ffn demo`. */
export const command = defineCommand({
  description:
    "Make synthetic tissue, segment it with a small embedded network, measure the result",
  options: {
    seed: {
      type: "integer",
      hint: "N",
      min: 0,
      max: 2 ** 32 - 1,
      default: 1,
      description: "which tissue; the network was trained on seeds from 1000",
    },
    size: {
      type: "integer",
      hint: "VOXELS",
      min: 32,
      max: 512,
      default: 96,
      description: "edge of the cube of tissue",
    },
    output: {
      type: "text",
      hint: "FOLDER",
      default: "demo_output",
      description: "folder for volume, truth, network, request, results and picture",
    },
    ...COMPUTE_OPTIONS,
  },
  examples: ["demo", "demo --seed 7 --output /tmp/tissue7"],
  async run(values, context) {
    const { runDemo } = await import("./run_demo.ts");
    const { duration, short, showProgress } = await import("./progress.ts");
    const { progressOf } = await import("./inference_session.ts");
    const startedMs = performance.now();
    using display = showProgress(context, "segmenting");
    const { metrics, steps, segmentingMs, ...result } = await runDemo({
      folder: values.output,
      seed: values.seed,
      size: [values.size, values.size, values.size],
      backend: {
        name: values.backend,
        threads: values.threads,
        kernelProcess: values.kernelProcess,
        onRestart: context.note,
      },
      signal: context.signal,
      report: (report) => display.update(progressOf(report)),
    });
    display[Symbol.dispose]();
    const { all } = metrics;
    const seconds = segmentingMs / 1000;
    context.print(
      `${metrics.segments} objects found, ${metrics.truths} true ones in ${values.size}³ voxels of tissue`,
    );
    context.print(
      `variation of information ${all.total.toFixed(3)} bits ` +
        `(split ${all.split.toFixed(3)} + merge ${all.merge.toFixed(3)})`,
    );
    context.print(
      `Rand error ${metrics.randError.toFixed(4)}, adapted Rand error ${
        metrics.adaptedRandError.toFixed(4)
      }`,
    );
    context.print(
      `${steps} FOV steps in ${duration(segmentingMs)} (${short(steps / seconds)} steps/s) on ` +
        `${result.backendDescription}; ${duration(performance.now() - startedMs)} in all`,
    );
    context.print(`picture: ${result.picturePath}`);
    context.print(`measure again: ffn evaluate ${result.resultsPath} ${result.truthSpec}`);
  },
});
