import { defineCommand } from "./command.ts";

/** `ffn view VOLUME [SEG]`. */
export const command = defineCommand({
  description: "Look at a volume in a local page, click neurons and watch them flood",
  arguments: {
    volume: { description: "the image" },
    labels: { description: "labels over it", optional: true },
  },
  options: {
    request: {
      type: "text",
      hint: "FILE.pbtxt",
      description: "with it objects can be grown: an InferenceRequest for this image",
    },
    output: {
      type: "text",
      hint: "FOLDER",
      default: "view_output",
      description: "folder for accepted objects and a request that run-inference goes on from",
    },
    backend: {
      type: "text",
      hint: "NAME",
      choices: ["auto", "webgpu", "wasm"],
      default: "auto",
      description: "where the browser runs the network: auto takes its GPU, else its threads",
    },
    voxelSize: {
      type: "text",
      hint: "Z,Y,X",
      description: "edge lengths of a voxel in nanometres (default: the image's, else 8,8,8)",
    },
    host: {
      type: "text",
      hint: "ADDRESS",
      default: "127.0.0.1",
      description: "to listen at",
    },
    port: {
      type: "integer",
      hint: "N",
      min: 0,
      max: 65535,
      default: 0,
      description: "to listen at; 0 takes a free one",
    },
  },
  examples: [
    "view raw.h5:raw volume.h5:seg",
    "view demo_output/tissue.h5:raw --request demo_output/request.pbtxt",
  ],
  async run(values, context) {
    const { startView } = await import("./start_view.ts");
    const view = await startView(values, context);
    try {
      context.print(view.url);
      context.note("Serving until Ctrl-C");
      if (!context.signal.aborted) {
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      }
    } finally {
      await view[Symbol.asyncDispose]();
    }
  },
});
