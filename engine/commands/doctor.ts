import { defineCommand } from "./command.ts";

/** `ffn doctor`. */
export const command = defineCommand({
  description: "Say what GPU there is, what it reaches, and what keeps it from being used",
  options: {
    json: { type: "flag", description: "print JSON instead of text" },
    quick: { type: "flag", description: "measure nothing" },
  },
  examples: ["doctor", "doctor --json"],
  async run({ json, quick }, context) {
    const { examineGpu } = await import("./examine_gpu.ts");
    const { printExamination } = await import("./print_examination.ts");
    const examination = await examineGpu({ measure: !quick });
    context.print(
      json ? JSON.stringify(examination, null, 2) : printExamination(examination),
    );
  },
});
