import { COMPUTE_OPTIONS, defineCommand, LIVE_OPTION } from "./command.ts";

/** `ffn run-inference`, with the flags of the reference's `run_inference.py`. */
export const command = defineCommand({
  description: "Segment a volume, or a box of it, with a trained network",
  options: {
    request: {
      type: "text",
      hint: "FILE.pbtxt",
      description: "file with an InferenceRequest; paths in it count from the current folder",
    },
    inferenceRequest: {
      type: "text",
      hint: "TEXT",
      description: "the InferenceRequest itself, in place of a file",
    },
    boundingBox: {
      type: "text",
      hint: "TEXT",
      description: "the box to segment, as 'start { x: y: z: } size { x: y: z: }'; " +
        "default: the whole image",
    },
    preview: {
      type: "flag",
      description:
        "write a PNG of three orthogonal slices beside the result, labels over the image",
    },
    inferenceOptions: {
      type: "text",
      hint: "TEXT",
      description: "checked, and without effect as in the reference: the request holds the options",
    },
    ...LIVE_OPTION,
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "run-inference --request inference.pbtxt --preview",
    `run_inference --inference_request="$(cat inference.pbtxt)" --bounding_box 'start { x:0 y:0 z:0 } size { x:250 y:250 z:250 }'`,
  ],
  async run(values, context) {
    const { runInference } = await import("./inference_session.ts");
    await runInference(values, context);
  },
});
