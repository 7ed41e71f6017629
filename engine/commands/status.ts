import { defineCommand } from "./command.ts";

/** `ffn status DIR`. */
export const command = defineCommand({
  description: "Show how far a batch is, with its errors, or a training run with its workers",
  arguments: {
    folder: {
      description: "output folder of run-batch-inference, of the first request; or a train_dir",
    },
  },
  options: {
    watch: { type: "flag", description: "look again until nothing is left to do" },
    every: {
      type: "number",
      hint: "S",
      min: 0.1,
      default: 10,
      description: "seconds between two looks of --watch",
    },
    worst: {
      type: "integer",
      hint: "N",
      min: 0,
      default: 5,
      description: "failed subvolumes to list with their last error",
    },
    maxAttempts: {
      type: "integer",
      hint: "N",
      min: 1,
      default: 3,
      description: "as given to run-batch-inference",
    },
    json: { type: "flag", description: "print JSON, one line per look" },
  },
  examples: ["status results", "status train --watch --every 60", "status results --json"],
  async run(values, context) {
    const { showStatus } = await import("./show_status.ts");
    await showStatus(values, context);
  },
});
