/** The public API by name: a change here is a change for everybody who imports the library. */
import { deepStrictEqual } from "node:assert/strict";
import * as browser from "../browser.ts";
import * as library from "../mod.ts";

const VALUES = [
  "BACKEND_NAMES",
  "Counters",
  "Executor",
  "FormatError",
  "GraphUpdater",
  "HostCanvas",
  "KERNEL_PROCESS_MODES",
  "KernelError",
  "NotFoundError",
  "ObjectClassification",
  "ObjectReview",
  "ReviewList",
  "Runner",
  "UnsupportedError",
  "arrayReader",
  "compareLabels",
  "createModel",
  "createSeedPolicy",
  "encodePng",
  "endOf",
  "intersect",
  "loadNetwork",
  "loadOrigins",
  "loadSegmentation",
  "memoryVolume",
  "open",
  "openBackend",
  "openCheckpoint",
  "openInference",
  "paintFlood",
  "paintLabels",
  "parseBoundingBox",
  "parseInferenceRequest",
  "parseReviewItems",
  "printInferenceRequest",
  "readOrthogonalPlanes",
  "resolveRequest",
  "spatialSize",
  "tilePictures",
  "toXyz",
  "toZyx",
  "wholeBox",
  "writeCheckpoint",
];

/** Of web pages. */
const BROWSER_VALUES = [
  "FormatError",
  "KernelError",
  "NotFoundError",
  "UnsupportedError",
  "checkpointOf",
  "memoryVolume",
  "open",
  "openCheckpoint",
  "openPageFlood",
  "parseInferenceRequest",
  "resolveRequest",
  "spatialSize",
  "wholeBox",
];

Deno.test("mod.ts and browser.ts export these values", () => {
  deepStrictEqual(Object.keys(library).sort(), VALUES);
  deepStrictEqual(Object.keys(browser).sort(), BROWSER_VALUES);
});

Deno.test("every public member is documented and every type that it names is public", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", "mod.ts", "browser.ts"],
    cwd: new URL("../", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
});
