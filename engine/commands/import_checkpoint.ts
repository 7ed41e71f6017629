import { defineCommand } from "./command.ts";

/** `ffn import-checkpoint INPUT PREFIX`. */
export const command = defineCommand({
  description: "Make a TensorFlow checkpoint of weights in a safetensors file",
  arguments: {
    input: { description: "safetensors file with the names that export-checkpoint writes" },
    checkpoint: { description: "prefix to write, for example models/model.ckpt-10000" },
  },
  examples: ["import-checkpoint network.safetensors models/model.ckpt-10000"],
  async run(values, context) {
    const { importCheckpoint } = await import("./exchange_checkpoint.ts");
    context.print(await importCheckpoint(values));
  },
});
