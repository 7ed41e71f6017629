import { defineCommand } from "./command.ts";

/** `ffn consensus --request FILE`. */
export const command = defineCommand({
  description: "Split the objects of one inference by those of another, subvolume by subvolume",
  options: {
    request: { type: "text", hint: "FILE.pbtxt", description: "file with a ConsensusRequest" },
  },
  examples: ["consensus --request consensus.pbtxt"],
  async run(values, context) {
    const { runSplitConsensus } = await import("./split_consensus.ts");
    await runSplitConsensus(values.request, context);
  },
});
