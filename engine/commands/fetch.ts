import { defineCommand } from "./command.ts";

/** `ffn fetch`. */
export const command = defineCommand({
  description: "Fetch a public data set, and go on where an earlier try was interrupted",
  arguments: {
    name: { description: "the data set: fib25" },
    folder: { description: "where its files go" },
  },
  options: {
    parts: {
      type: "text",
      hint: "PART,…",
      description:
        "training, validation, test (520³ voxels), model, result (default: all but test)",
    },
    mirror: {
      type: "text",
      hint: "URL",
      description: "a server that has the files under the paths that they get here",
    },
    attempts: {
      type: "integer",
      hint: "N",
      min: 1,
      max: 100,
      default: 6,
      description: "requests in a row that may bring nothing new",
    },
    acceptChanged: {
      type: "flag",
      description: "keep files whose SHA-256 is not the recorded one",
    },
  },
  examples: ["fetch fib25 data", "fetch fib25 data --parts model"],
  async run(values, context) {
    const { runFetch } = await import("./run_fetch.ts");
    await runFetch(values, context);
  },
});
