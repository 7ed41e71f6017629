import { defineCommand } from "./command.ts";

/** `ffn planes VOLUME OUTPUT.png`. */
export const command = defineCommand({
  description: "Draw three orthogonal planes of a volume, with labels over them, as a PNG",
  arguments: {
    volume: { description: "volume spec of the image" },
    output: { description: "PNG file; one that exists is replaced" },
  },
  options: {
    center: {
      type: "text",
      hint: "Z,Y,X",
      description: "voxel that all three planes go through (default: the middle)",
    },
    labels: { type: "text", hint: "SPEC", description: "labels of the same size to paint over it" },
    crossHair: { type: "flag", description: "darken the lines through the voxel" },
    signed: {
      type: "text",
      hint: "HOW",
      choices: ["linear", "tanh", "sigmoid"],
      description: "draw negative values red, positive ones blue and NaN green",
    },
  },
  examples: [
    "planes raw.h5:raw planes.png --labels volume.h5:seg --center 30,120,80 --cross-hair",
  ],
  async run(values, context) {
    const { drawPlanes } = await import("./draw_planes.ts");
    await drawPlanes(values, context);
  },
});
