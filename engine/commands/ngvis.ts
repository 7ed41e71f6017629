import { defineCommand } from "./command.ts";

/** `ffn ngvis --raw SPEC --labels SPEC…`. */
export const command = defineCommand({
  description: "Serve volumes of any kind to a Neuroglancer viewer and print the address to open",
  options: {
    raw: { type: "text", hint: "SPEC", description: "the image" },
    labels: {
      type: "texts",
      hint: "SPEC",
      description: "volumes of labels, seg-*.npz files or folders of results",
    },
    names: {
      type: "texts",
      hint: "NAME",
      description: "of the volumes of labels, in their order (default: their file names)",
    },
    voxelSize: {
      type: "text",
      hint: "Z,Y,X",
      description: "edge lengths of a voxel in nanometres (default: the image's, else 8,8,8)",
    },
    center: {
      type: "text",
      hint: "Z,Y,X",
      description: "voxel to look at (default: the middle of the image)",
    },
    review: {
      type: "text",
      hint: "FILE",
      description: "objects to go through, an item of ids a line, perhaps with @ Z,Y,X behind them",
    },
    index: {
      type: "integer",
      hint: "N",
      min: 0,
      default: 0,
      description: "of the first item to show, from 0",
    },
    batch: {
      type: "integer",
      hint: "N",
      min: 1,
      default: 1,
      description: "items to show at a time",
    },
    host: {
      type: "text",
      hint: "ADDRESS",
      default: "127.0.0.1",
      description: "to listen at; others than the default let other machines read the volumes",
    },
    port: {
      type: "integer",
      hint: "N",
      min: 0,
      max: 65535,
      default: 0,
      description: "to listen at; 0 takes a free one",
    },
    client: {
      type: "text",
      hint: "DIR|URL",
      description: "viewer: the folder of a built client, or an address (default: the public one)",
    },
    points: {
      type: "text",
      hint: "FILE|DIR",
      description:
        "a resegmentation request for the first labels, or judged pairs, to show as points",
    },
    json: { type: "flag", description: "print the state instead of an address" },
  },
  examples: [
    "ngvis --raw raw.h5:raw --labels results volume.h5:seg",
    "ngvis --raw raw.h5:raw --labels volume.h5:seg --review todo.txt --index 12",
  ],
  async run(values, context) {
    const { serveViewer } = await import("./start_viewer.ts");
    await serveViewer(values, values.json, context);
  },
});
