import { defineCommand } from "./command.ts";

/** `ffn build-coordinates`. */
export const command = defineCommand({
  description: "Draw the centres of training patches from partition maps, all classes alike",
  options: {
    partitionVolumes: {
      type: "text",
      hint: "NAME:PATH:DATASET,…",
      description: "partition maps, each under the name of its volume",
    },
    coordinateOutput: { type: "text", hint: "PATH", description: "gzipped TFRecord to write" },
    margin: {
      type: "text",
      hint: "Z,Y,X",
      description: "border to leave out in z,y,x: half of what training loads",
    },
    seed: {
      type: "integer",
      hint: "N",
      min: 0,
      description: "the same seed gives the same file (default: a random one)",
    },
    records: {
      type: "integer",
      hint: "N",
      min: 1,
      description: "write only the first N records of the random order (default: all)",
    },
    excludeBackground: { type: "flag", description: "do not draw voxels of class 0" },
  },
  examples: [
    "build-coordinates --partition_volumes val:af.h5:af --coordinate_output coords.gz --margin 24,24,24",
  ],
  async run(values, context) {
    const { runBuildCoordinates } = await import("./run_build_coordinates.ts");
    await runBuildCoordinates(values, context);
  },
});
