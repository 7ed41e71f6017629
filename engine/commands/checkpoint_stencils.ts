import { defineCommand } from "./command.ts";

/** `ffn checkpoint-stencils --requests A.pbtxt B.pbtxt --ckpt-dir DIR --ckpts STEP…`. */
export const command = defineCommand({
  description: "Write a forward and a reversed-seed request for each of several checkpoints",
  options: {
    requests: {
      type: "texts",
      hint: "FILE",
      description: "requests with seed policy PolicyPeaks, PolicyInvertOrigins, or one of each",
    },
    ckptDir: { type: "text", hint: "DIR", description: "folder of the checkpoints" },
    ckpts: { type: "texts", hint: "STEP", description: "steps of the checkpoints" },
    outputDir: {
      type: "text",
      hint: "DIR",
      description: "for STEP_A_peaks.pbtxt, STEP_B_invert.pbtxt and the folders of their results",
    },
  },
  examples: [
    "checkpoint-stencils --requests peaks.pbtxt invert.pbtxt --ckpt-dir train --ckpts 90000 120000 --output-dir compare",
  ],
  async run(values, context) {
    const { writeStencils } = await import("./write_stencils.ts");
    for (const path of await writeStencils(values)) context.print(path);
  },
});
