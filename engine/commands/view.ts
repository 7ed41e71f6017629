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
    neuroglancer: {
      type: "flag",
      description:
        "print a link to Neuroglancer instead, with the volumes, their meshes and points",
    },
    client: {
      type: "text",
      hint: "DIR|URL",
      description:
        "its viewer: the folder of a built client, or an address (default: the public one)",
    },
    points: {
      type: "text",
      hint: "FILE|DIR",
      description: "for Neuroglancer: a resegmentation request, or judged pairs, to show as points",
    },
    json: { type: "flag", description: "print Neuroglancer's state instead of a link" },
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
    "view raw.h5:raw volume.h5:seg --neuroglancer --client neuroglancer/static/client",
    "view demo_output/tissue.h5:raw --request demo_output/request.pbtxt",
  ],
  async run(values, context) {
    const { serveViewer, untilStopped } = await import("./start_viewer.ts");
    if (values.neuroglancer) {
      const labels = values.labels === undefined ? [] : [values.labels];
      return await serveViewer({ ...values, raw: values.volume, labels }, values.json, context);
    }
    const { startView } = await import("./start_view.ts");
    await using view = await startView(values, context);
    context.print(view.url);
    await untilStopped(context);
  },
});
