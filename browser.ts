/**
 * The engine in a web page: open an image and a network by their addresses and grow objects there, on WebGPU or on threads.
 * `deno task browser` makes `dist/ffn.js` of it, with the kernels that it loads beside it.
 *
 * ```ts ignore
 * import { open, openCheckpoint, openPageFlood, parseInferenceRequest, resolveRequest } from "./ffn.js";
 *
 * const text = await (await fetch("request.pbtxt")).text();
 * await using flood = await openPageFlood({
 *   request: resolveRequest(parseInferenceRequest(text)),
 *   image: await open("https://host/tissue"),
 *   checkpoint: await openCheckpoint("https://host/model.ckpt"),
 *   box: { start: [0, 0, 0], size: [128, 128, 128] },
 * });
 * await flood.canvas.segmentAt([64, 64, 64], { onStep: ([z, y, x], steps) => console.log(steps, z, y, x) });
 * const logits = await flood.canvas.objectMap();
 * ```
 *
 * Vectors are `[z, y, x]`, arrays C order in the same axes.
 *
 * @module
 */
export type * from "./mod.ts";
export {
  FormatError,
  KernelError,
  NotFoundError,
  UnsupportedError,
} from "./engine/errors/errors.ts";
export { parseInferenceRequest } from "./engine/formats/protobuf/requests.ts";
export { open } from "./engine/volumes/open.ts";
export { memoryVolume } from "./engine/volumes/memory.ts";
export { spatialSize, wholeBox } from "./engine/volumes/volume.ts";
export { checkpointOf, openCheckpoint } from "./engine/volumes/checkpoint_file.ts";
export { resolveRequest } from "./engine/inference/request.ts";
export {
  openPageFlood,
  type PageFlood,
  type PageFloodOptions,
} from "./engine/viewers/page/page_flood.ts";
