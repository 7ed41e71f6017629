import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import {
  boundingBoxOf,
  boxOf,
  decodeInferenceRequest,
  encodeInferenceRequest,
  parseBoundingBox,
  parseInferenceRequest,
  printInferenceRequest,
  zyxOf,
} from "../../../engine/formats/protobuf/requests.ts";

Deno.test("parse, print, encode and decode the documented request", () => {
  const text = `image_mean: 128.0
image_stddev: 33.25
model_args: "{\\"a\\": 1}\\n"
inference_options {
  init_activation: 0.95
}
image {
  hdf5: "a:b"
}
`;
  const message = parseInferenceRequest(text);
  strictEqual(printInferenceRequest(message), text);
  const hex = "15000000431d0000054262097b2261223a20317d0a72050d3333733fc201051a03613a62";
  strictEqual(encodeInferenceRequest(message).toHex(), hex);
  deepStrictEqual(decodeInferenceRequest(Uint8Array.fromHex(hex), "npz"), message);
});

Deno.test("encodeInferenceRequest() gives the 291 bytes of the published request", () => {
  const text = `
    image { hdf5: "third_party/neuroproof_examples/training_sample2/grayscale_maps.h5:raw" }
    image_mean: 128
    image_stddev: 33
    checkpoint_interval: 1800
    seed_policy: "PolicyPeaks"
    model_checkpoint_path: "models/fib25/model.ckpt-27465036"
    model_name: "convstack_3d.ConvStack3DFFNModel"
    model_args: "{\\"depth\\": 12, \\"fov_size\\": [33, 33, 33], \\"deltas\\": [8, 8, 8]}"
    segmentation_output_dir: "results/fib25/training2"
    inference_options {
      init_activation: 0.95
      pad_value: 0.05
      move_threshold: 0.9
      min_boundary_dist { x: 1 y: 1 z: 1 }
      segment_threshold: 0.6
      min_segment_size: 1000
    }`;
  const bytes = encodeInferenceRequest(parseInferenceRequest(text));
  strictEqual(bytes.length, 291);
  strictEqual(
    bytes.toBase64(),
    "FQAAAEMdAAAEQlogY29udnN0YWNrXzNkLkNvbnZTdGFjazNERkZOTW9kZWxiPHsiZGVwdGgiOiAxMiwgImZvdl9zaXplIjogWzMzLCAzMywgMzNdLCAiZGVs" +
      "dGFzIjogWzgsIDgsIDhdfWogbW9kZWxzL2ZpYjI1L21vZGVsLmNrcHQtMjc0NjUwMzZyHw0zM3M/Fc3MTD0dZmZmPzIGCAEQARgBPZqZGT9A6Ad6F3Jlc3Vs" +
      "dHMvZmliMjUvdHJhaW5pbmcygAGIDooBC1BvbGljeVBlYWtzwgFIGkZ0aGlyZF9wYXJ0eS9uZXVyb3Byb29mX2V4YW1wbGVzL3RyYWluaW5nX3NhbXBsZTIv" +
      "Z3JheXNjYWxlX21hcHMuaDU6cmF3",
  );
});

Deno.test("parseBoundingBox() turns xyz into zyx", () => {
  const box = parseBoundingBox("start { x: -10 y: 20 z: 30 } size { x: 1 y: 2 z: 3 }");
  deepStrictEqual(box, { start: [30, 20, -10], size: [3, 2, 1] });
  deepStrictEqual(boxOf(boundingBoxOf(box), "box"), box);
  deepStrictEqual(parseBoundingBox("size { x: 1 y: 2 z: 3 }").start, [0, 0, 0]);
});

Deno.test("parseBoundingBox() refuses empty boxes and numbers that are not exact", () => {
  const message = 'Cannot use "b.pbtxt": size must be at least 1 on every axis, current y is 0; ' +
    "write size { x: … y: … z: … }";
  const text = "start { x: 1 } size { x: 5 z: 5 }";
  throws(() => parseBoundingBox(text, '"b.pbtxt"'), { name: "RangeError", message });
  throws(() => zyxOf({ x: 2n ** 53n }, "start"), {
    name: "RangeError",
    message: "Cannot use start: coordinates go up to 9007199254740991, current 9007199254740992",
  });
});
