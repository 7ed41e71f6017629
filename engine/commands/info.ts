import { defineCommand } from "./command.ts";

/** `ffn info FILE`. */
export const command = defineCommand({
  description: "Say what a checkpoint, npz, volume, request or folder of results holds",
  arguments: {
    file: { description: "a path, or a volume as path:dataset" },
  },
  options: {
    json: { type: "flag", description: "print JSON instead of a table" },
  },
  examples: [
    "info models/model.ckpt-27465036",
    "info em.h5:raw",
    "info results/0/0/seg-0_0_0.npz",
  ],
  async run({ file, json }, context) {
    const { describeFile } = await import("./describe_file.ts");
    const { printDescription } = await import("./description.ts");
    const description = await describeFile(file);
    context.print(json ? JSON.stringify(description, null, 2) : printDescription(description));
  },
});
