import { defineCommand } from "./command.ts";

/** `ffn export-checkpoint CHECKPOINT OUTPUT`. */
export const command = defineCommand({
  description: "Write the weights of a checkpoint as safetensors, or the network as ONNX",
  arguments: {
    checkpoint: { description: "prefix of a TensorFlow checkpoint, or its folder" },
    output: { description: "file to write, .safetensors or .onnx" },
  },
  options: {
    all: { type: "flag", description: "safetensors: optimizer states and counters too" },
  },
  examples: [
    "export-checkpoint run1/model.ckpt-10000 network.safetensors",
    "export-checkpoint run1 network.onnx",
  ],
  async run(values, context) {
    const { exportCheckpoint } = await import("./exchange_checkpoint.ts");
    context.print(await exportCheckpoint(values));
  },
});
