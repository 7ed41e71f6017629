import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { viewerState, viewerUrl } from "../../engine/viewers/viewer_state.ts";

Deno.test("viewerState() gives Neuroglancer's fields, lengths in metres and places as xyz", () => {
  const state = viewerState({
    voxelSizeNm: [40, 8, 4],
    position: [1, 2, 3],
    layers: [
      { name: "raw", type: "image", source: "precomputed://http://a/raw", isVisible: true },
      {
        ...{ name: "seg", type: "segmentation", source: "zarr://http://a/s", isVisible: false },
        ...{ segments: [2n ** 60n, 7n], equivalences: [[7n, 9n]] },
      } as const,
    ],
  });
  deepStrictEqual(state, {
    dimensions: { x: [4 * 1e-9, "m"], y: [8 * 1e-9, "m"], z: [40 * 1e-9, "m"] },
    position: [3.5, 2.5, 1.5],
    layers: [
      { type: "image", name: "raw", source: "precomputed://http://a/raw", visible: true },
      {
        ...{ type: "segmentation", name: "seg", source: "zarr://http://a/s", visible: false },
        ...{ selectedAlpha: 0.35, segments: ["1152921504606846976", "7"] },
        equivalences: [["7", "9"]],
      },
    ],
    layout: "4panel",
  });
  const url = viewerUrl(state, "http://viewer/");
  strictEqual(url.startsWith("http://viewer/#!%7B%22dimensions"), true);
  deepStrictEqual(JSON.parse(decodeURIComponent(url.split("#!")[1])), state);
});
