import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import { resolveRequest } from "../../engine/inference/request.ts";
import { FIB25, testWith } from "../support/resources.ts";

/** Fields of a complete request, by their names. */
const FIELDS: Readonly<Record<string, string>> = {
  image: 'image { hdf5: "em.h5:raw" }',
  image_mean: "image_mean: 128",
  image_stddev: "image_stddev: 33",
  seed_policy: 'seed_policy: "PolicyPeaks"',
  model_checkpoint_path: 'model_checkpoint_path: "model.ckpt-1"',
  model_name: 'model_name: "convstack_3d.ConvStack3DFFNModel"',
  model_args: `model_args: '{"depth": 12, "fov_size": [33, 17, 9], "deltas": [8, 4, 0]}'`,
  segmentation_output_dir: 'segmentation_output_dir: "out"',
  inference_options: `inference_options {
    init_activation: 0.95 pad_value: 0.05 move_threshold: 0.9 segment_threshold: 0.6 }`,
};

/** Resolves the complete request with some fields replaced, or left out where the text is empty. */
const resolve = (changes: Readonly<Record<string, string>> = {}) =>
  resolveRequest(parseInferenceRequest(Object.values({ ...FIELDS, ...changes }).join("\n")));

Deno.test("resolveRequest() fills every default", () => {
  const request = resolve();
  const { message, model, image, options, ...rest } = request;
  strictEqual(message.imageMean, 128);
  deepStrictEqual(image, { hdf5: "em.h5:raw" });
  deepStrictEqual([model.name, model.fovSize, model.deltas], [
    "convstack_3d.ConvStack3DFFNModel",
    [9, 17, 33],
    [0, 4, 8],
  ]);
  deepStrictEqual(options, {
    initActivation: Math.fround(0.95),
    padValue: Math.fround(0.05),
    moveThreshold: Math.fround(0.9),
    segmentThreshold: Math.fround(0.6),
    minSegmentSize: 0,
    minBoundaryDist: [0, 0, 0],
    discoSeedThreshold: 0,
    consistencyThreshold: 0,
  });
  deepStrictEqual(rest, {
    imageMean: 128,
    imageStddev: 33,
    referenceHistogram: null,
    histogramMasks: [],
    masks: [],
    seedMasks: [],
    shiftMask: null,
    modelCheckpointPath: "model.ckpt-1",
    movementPolicy: { name: "", args: {} },
    seedPolicy: { name: "PolicyPeaks", args: {} },
    segmentationOutputDir: "out",
    checkpointIntervalSec: 0,
    initSegmentation: null,
    saveRaw: false,
    batchSize: 1,
    concurrentRequests: 1,
  });
});

Deno.test("resolveRequest() takes over what is given, xyz as zyx", () => {
  const request = resolve({
    more: `
      reference_histogram: "lut.npz" histogram_masks { image { } }
      masks { coordinate_expression { expression: "x > 3" } }
      seed_masks [ { image { channels { values: 0 } } } ]
      shift_mask { hdf5: "shift.h5:s" } shift_mask_scale: 2 shift_mask_threshold: 4
      shift_mask_fov { start { x: -2 y: -3 z: 0 } size { x: 5 y: 7 z: 1 } }
      movement_policy_name: "FaceMaxMovementPolicy" movement_policy_args: '{"deltas": [0, 1, 2]}'
      checkpoint_interval: 1800 batch_size: 4 concurrent_requests: -1
      alignment_options { type: NO_ALIGNMENT save_raw: true } init_segmentation { hdf5: "l.h5:l" }`,
    inference_options: `inference_options {
      init_activation: 0.5 pad_value: 0.5 move_threshold: 0.5 segment_threshold: 0.5
      min_boundary_dist { x: 1 y: 2 z: 3 } min_segment_size: 1000 disco_seed_threshold: -1
      consistency_threshold: 0.02 }`,
  });
  deepStrictEqual(request.shiftMask, {
    volume: { hdf5: "shift.h5:s" },
    scale: 2,
    threshold: 4,
    fov: { start: [0, -3, -2], size: [1, 7, 5] },
  });
  deepStrictEqual(request.options.minBoundaryDist, [3, 2, 1]);
  deepStrictEqual(request.options.discoSeedThreshold, -1);
  deepStrictEqual(request.movementPolicy.args, { deltas: [0, 1, 2] });
  deepStrictEqual([request.checkpointIntervalSec, request.batchSize], [1800, 4]);
  deepStrictEqual([request.concurrentRequests, request.saveRaw], [-1, true]);
  deepStrictEqual([request.masks.length, request.seedMasks.length], [1, 1]);
  strictEqual(request.referenceHistogram, "lut.npz");
  strictEqual(resolve({ more: "checkpoint_interval: -5" }).checkpointIntervalSec, 0);
});

/** A complete `inference_options` with one field replaced. */
const options = (field: string, value: string) => {
  const values: Record<string, string> = {
    init_activation: "0.95",
    pad_value: "0.05",
    move_threshold: "0.9",
    segment_threshold: "0.6",
    [field]: value,
  };
  const set = Object.entries(values).filter(([, v]) => v !== "");
  const text = set.map(([k, v]) => v.startsWith("{") ? `${k} ${v}` : `${k}: ${v}`).join(" ");
  return { inference_options: `inference_options { ${text} }` };
};

const model = (args: string) => ({ model_args: `model_args: '${args}'` });

Deno.test("resolveRequest() names field, value and fix of what is wrong", () => {
  const cases: [Record<string, string>, string, RegExp][] = [
    [{ image: "" }, "RangeError", /image is missing; add image \{ hdf5: "file\.h5:dataset" \}$/],
    [{ image: "image { }" }, "RangeError", /^Cannot open a volume: its message names none/],
    [{ image: 'image { volinfo: "v" }' }, "UnsupportedError", /volinfo "v": that is not supported/],
    [{ image: 'image { tensorstore: "{}" }' }, "UnsupportedError", /tensorstore "\{\}"/],
    [
      { model_name: "" },
      "RangeError",
      /model_name is missing; add, for example, model_name: "conv/,
    ],
    [{ model_name: 'model_name: "Net"' }, "NotFoundError", /"Net"/],
    [{ model_args: "" }, "RangeError", /model_args is missing/],
    [{ model_checkpoint_path: "" }, "RangeError", /model_checkpoint_path is missing/],
    [{ seed_policy: "" }, "RangeError", /seed_policy is missing/],
    [
      { seed_policy: 'seed_policy: "Peaks"' },
      "RangeError",
      /"Peaks": allowed policies: "PolicyPeaks"/,
    ],
    [{ segmentation_output_dir: "" }, "RangeError", /segmentation_output_dir is missing/],
    [
      { inference_options: "" },
      "RangeError",
      /inference_options\.init_activation .*current is unset; set, for example, init_activation: 0\.95$/,
    ],
    [
      { image_stddev: "" },
      "RangeError",
      /image_stddev must be above 0, current is 0; set, for example, image_stddev: 33$/,
    ],
    [
      { image_stddev: "image_stddev: 0" },
      "RangeError",
      /image_stddev must be above 0, current is 0/,
    ],
    [
      { image_stddev: "image_stddev: -1" },
      "RangeError",
      /image_stddev must be above 0, current is -1/,
    ],
    [{ image_stddev: "image_stddev: nan" }, "RangeError", /current is NaN/],
    [
      { image_mean: "image_mean: inf" },
      "RangeError",
      /image_mean must be a number, current is Infinity/,
    ],
    [options("pad_value", "0"), "RangeError", /pad_value must lie between 0 and 1, current is 0;/],
    [
      options("pad_value", "nan"),
      "RangeError",
      /pad_value must lie between 0 and 1, current is NaN;/,
    ],
    [options("move_threshold", "1"), "RangeError", /move_threshold .* current is 1;/],
    [options("segment_threshold", "1.5"), "RangeError", /segment_threshold .* current is 1\.5;/],
    [options("segment_threshold", ""), "RangeError", /segment_threshold .* current is unset;/],
    [
      options("min_segment_size", "-1"),
      "RangeError",
      /min_segment_size must be at least 0, current is -1/,
    ],
    [
      options("min_boundary_dist", "{ y: -2 }"),
      "RangeError",
      /min_boundary_dist .* current y is -2/,
    ],
    [options("disco_seed_threshold", "inf"), "RangeError", /disco_seed_threshold must be a number/],
    [model("{"), "SyntaxError", /model_args must be a JSON object, current is "\{" \(/],
    [
      model("[1]"),
      "TypeError",
      /model_args must be a JSON object such as \{"depth": 12\}, current is "\[1\]"/,
    ],
    [
      model('{"depth": 12, "fov_size": [33, 33, 33], "deltas": [8, 17, 8]}'),
      "RangeError",
      /half the field of view, current y is 17 of 33/,
    ],
    [
      model('{"depth": 12, "fov_size": [33, 33, 33], "deltas": [0, 0, 0]}'),
      "RangeError",
      /at least one delta/,
    ],
    [
      model('{"depth": 12, "fov_size": [33, 33, 33], "deltas": [8, 8, 8], "width": 1}'),
      "RangeError",
      /unknown argument "width"/,
    ],
    [{ more: `seed_policy_args: '{"step": 1}'` }, "RangeError", /"?step"?/],
    [{ more: `movement_policy_args: '{"speed": 1}'` }, "RangeError", /"speed"/],
    [{ more: `movement_policy_name: "Walk"` }, "RangeError", /"Walk"/],
    [{ more: `movement_policy_args: '{"deltas": [9, 0, 0]}'` }, "RangeError", /deltas/],
    [{ more: "masks { }" }, "RangeError", /masks: it needs a source/],
    [{ more: "masks { volume { } }" }, "RangeError", /masks: its volume names none/],
    [{ more: 'masks { volume { mask { volinfo: "v" } } }' }, "UnsupportedError", /volinfo "v"/],
    [
      { more: 'seed_masks { coordinate_expression { expression: "x >" } }' },
      "SyntaxError",
      /"x >": .* column 4$/,
    ],
    [
      { more: "histogram_masks { image { channels { channel: 2 } } }" },
      "RangeError",
      /histogram_masks: channels of the image/,
    ],
    [
      { more: 'shift_mask { hdf5: "a.h5:s" } shift_mask_threshold: 4' },
      "RangeError",
      /shift_mask_scale must be at least 1, current is 0; set, for example, shift_mask_scale: 1$/,
    ],
    [
      { more: 'shift_mask { hdf5: "a.h5:s" } shift_mask_scale: 1' },
      "RangeError",
      /shift_mask_threshold must be at least 1, current is 0/,
    ],
    [
      {
        more:
          'shift_mask { hdf5: "a.h5:s" } shift_mask_scale: 1 shift_mask_threshold: 4 shift_mask_fov { size { x: 1 } }',
      },
      "RangeError",
      /shift_mask_fov: size must be at least 1 on every axis, current z is 0/,
    ],
    [{ more: "batch_size: 0" }, "RangeError", /batch_size must be at least 1, current is 0/],
    [{ more: "concurrent_requests: 0" }, "RangeError", /concurrent_requests must be at least 1/],
    [
      { more: "alignment_options { type: UNKNOWN_ALIGNMENT }" },
      "UnsupportedError",
      /must be NO_ALIGNMENT, current is UNKNOWN_ALIGNMENT/,
    ],
    [
      { more: "self_prediction { threshold: 0.5 }" },
      "UnsupportedError",
      /self_prediction needs an output/,
    ],
    [{ more: 'init_segmentation { volinfo: "v" }' }, "UnsupportedError", /volinfo "v"/],
  ];
  for (const [changes, name, message] of cases) {
    throws(() => resolve(changes), (error: Error) => {
      strictEqual(error.name, name, error.message);
      ok(/^Cannot [^:]+: \S/.test(error.message) && !error.message.endsWith("."), error.message);
      ok(message.test(error.message), `${error.message}\n${message}`);
      return true;
    }, JSON.stringify(changes));
  }
});

Deno.test("resolveRequest() takes a shift mask that names no volume for none", () => {
  strictEqual(resolve({ more: "shift_mask { } shift_mask_scale: 0" }).shiftMask, null);
});

testWith("shared", "resolveRequest() takes the published request", async () => {
  const path = `${FIB25}/requests/inference_training_sample2.pbtxt`;
  const request = resolveRequest(parseInferenceRequest(await Deno.readTextFile(path)));
  deepStrictEqual(request.options.minBoundaryDist, [1, 1, 1]);
  strictEqual(request.options.minSegmentSize, 1000);
  deepStrictEqual(request.model.fovSize, [33, 33, 33]);
  strictEqual(request.checkpointIntervalSec, 1800);
});
