/** Vectors T7 to T9 of `spec/postprocessing.md`. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { Counters } from "../../engine/inference/counters.ts";
import { Executor } from "../../engine/inference/executor.ts";
import { openRunnerVolumes } from "../../engine/inference/runner_volumes.ts";
import {
  deletedIn,
  evaluatePair,
  type PairEvaluation,
} from "../../engine/resegmentation/evaluate_pair.ts";
import { readPointResult, writePointResult } from "../../engine/resegmentation/point_file.ts";
import { pointOfPath, pointPath } from "../../engine/resegmentation/point_paths.ts";
import {
  type PointResult,
  runPoint,
  subvolumeOf,
  takeMaximum,
} from "../../engine/resegmentation/point_run.ts";
import type { DecisionPoint, ResegmentationRequest } from "../../engine/resegmentation/request.ts";
import { open } from "../../engine/volumes/open.ts";
import { barsRequest } from "../support/bars_request.ts";
import { BARS_SIZE, barsImage, StandInNetwork } from "../support/bars_volume.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("pointPath() gives the recorded paths (T7)", () => {
  const point: DecisionPoint = { idA: 12n, idB: 345n, position: [9, 8, 7] };
  const of = (subdirDigits: number, p = point) =>
    pointPath({ outputDirectory: "rs", subdirDigits }, p);
  deepStrictEqual([0, 1, 2, 3].map((digits) => of(digits)), [
    "rs/12-345_at_7_8_9.npz",
    "rs/12-345_at_7_8_9.npz",
    "rs/82/12-345_at_7_8_9.npz",
    "rs/827/12-345_at_7_8_9.npz",
  ]);
  const endpoint = { ...point, idB: null };
  strictEqual(of(2, endpoint), "rs/da/12-0_at_7_8_9.npz");
  deepStrictEqual([pointOfPath(of(3)), pointOfPath(of(2, endpoint))], [point, endpoint]);
});

Deno.test("takeMaximum() takes the first maximum and clears around it (T8)", () => {
  const values = Float32Array.of(0, 1, 2, 3, 5, 5, 1, 0, 0);
  deepStrictEqual(takeMaximum(values, [1, 3, 3], [0, 0, 1]), [0, 1, 1]);
  deepStrictEqual([...values], [0, 1, 2, 0, 0, 0, 1, 0, 0]);
});

Deno.test("evaluatePair() counts deletions, consistencies and distances as recorded (T8)", async () => {
  const size: Zyx = [11, 11, 11];
  const within = (i: number, n: number, box: [number, number][]) =>
    box.every(([from, to], axis) => {
      const at = Math.floor(i / n ** (2 - axis)) % n;
      return at >= from && at < to;
    });
  // The analysis box is [3, 8)³ of the subvolume.
  const probs = new Uint8Array(volumeOf(size)).map((_, i) =>
    within(i, 11, [[4, 7], [4, 7], [4, 6]]) ? 255 : 1
  );
  const labels = new Uint8Array(125).map((_, i) =>
    within(i, 5, [[1, 4], [1, 4], [1, 2]]) ? 1 : within(i, 5, [[1, 4], [1, 4], [2, 4]]) ? 2 : 0
  );
  const object = {
    probs,
    history: [[3, 3, 3], [7, 7, 7], [8, 3, 3], [2, 5, 5]] as const,
    deletes: [1, 2, 4, 8],
  };
  strictEqual(deletedIn(object, { start: [3, 3, 3], size: [5, 5, 5] }), 3);
  const result: PointResult = {
    point: { idA: 1n, idB: 2n, position: [50, 60, 70] },
    ...{ radius: [5, 5, 5], corner: [45, 55, 65], size, objects: [object, object] },
    starts: [[[5, 5, 5]], [[5, 5, 4], [6, 5, 5]]],
    counters: new Counters(),
  };
  const evaluation = await evaluatePair(result, labels, [2, 2, 2]) as PairEvaluation;
  deepStrictEqual(evaluation.fromA, {
    ...{ origin: [50, 60, 70], voxels: 18, deletedVoxels: 3 },
    ...{ consistencyA: 1, consistencyB: 0.5, maxDistance: 1 },
  });
  deepStrictEqual([evaluation.iou, evaluation.fromB.origin], [1, [51, 60, 70]]);
  const lacking = { ...result, objects: [object] };
  strictEqual(
    await evaluatePair(lacking, labels, [2, 2, 2]),
    "incomplete: 1 of 2 objects were grown",
  );
  ok(/object 2 does not lie/.test(String(
    await evaluatePair(result, labels.map((v) => v & 1), [
      ...[2, 2, 2] as const,
    ]),
  )));
});

const POINT: DecisionPoint = { idA: 700n, idB: 800n, position: [6, 6, 11] };

/** Bars of V11 with their labels: A cut in two at x = 12, and B. */
async function runBars(
  dir: string,
  point: DecisionPoint,
  more: Partial<ResegmentationRequest> = {},
): Promise<{ result: PointResult | string; evaluation: PairEvaluation | string }> {
  const image = barsImage();
  const labels = Uint16Array.from(image, (value, i) => {
    const [z, y, x] = [Math.floor(i / 480), Math.floor(i / 24) % 20, i % 24];
    if (value <= 0) return 0;
    if (z < 9 && y < 9) return x < 12 ? 700 : 800;
    return z >= 11 ? 900 : 0;
  });
  const path = `${dir}/bars.npz`;
  const volumes = [
    { name: "raw", value: { dtype: "float32", shape: BARS_SIZE, data: image } },
    { name: "labels", value: { dtype: "uint16", shape: BARS_SIZE, data: labels } },
  ] as const;
  await Deno.writeFile(path, await encodeNpz(volumes));
  const inference = {
    ...barsRequest(dir, `${path}:raw`, `init_segmentation { hdf5: "${path}:labels" }`),
    ...{ imageMean: 0, imageStddev: 1 },
  };
  const request: ResegmentationRequest = {
    ...{ inference, points: [point], radius: [6, 6, 8], analysisRadius: [4, 4, 6] },
    ...{ exclusionRadius: [0, 0, 0], initExclusionRadius: null, maxRetryIters: 1 },
    ...{ segmentRecoveryFraction: 0.5, terminateEarly: false, outputDirectory: dir },
    ...{ subdirDigits: 0, ...more },
  };
  await using executor = new Executor(new StandInNetwork());
  await using opened = await openRunnerVolumes(inference);
  const resources = { volumes: opened, executor, counters: new Counters() };
  const result = await runPoint(request, point, resources);
  if (typeof result === "string") return { result, evaluation: result };
  const analysisRadius = request.analysisRadius!;
  await using init = await open(`${path}:labels`);
  const part = await init.read(subvolumeOf(point, analysisRadius));
  return { result, evaluation: await evaluatePair(result, part, analysisRadius) };
}

const round = (value: number) => Number(value.toFixed(7));

Deno.test("runPoint() and evaluatePair() give the recorded result (T9)", async () => {
  await using folder = await temporaryFolder();
  for (const more of [{}, { maxRetryIters: 3, segmentRecoveryFraction: 0.99 }]) {
    const { result, evaluation } = await runBars(folder.path, POINT, more);
    const { corner, size, starts, objects } = result as PointResult;
    deepStrictEqual([corner, size], [[0, 0, 3], [13, 13, 17]]);
    deepStrictEqual(starts.map((list) => list.at(-1)), [[6, 6, 2], [6, 6, 11]]);
    deepStrictEqual(objects.map(({ history }) => history.length), [37, 28]);
    ok(objects.every(({ deletes }) => deletes.every((n) => n === 0)));
    const { iou, fromA, fromB, ...rest } = evaluation as PairEvaluation;
    strictEqual(round(iou), 0.9846154);
    deepStrictEqual(fromA, {
      ...{ origin: [6, 6, 5], voxels: 325, deletedVoxels: 0 },
      ...{ consistencyA: 1, consistencyB: 1, maxDistance: 3 },
    });
    deepStrictEqual({ ...fromB, consistencyA: round(fromB.consistencyA) }, {
      ...{ origin: [6, 6, 14], voxels: 320, deletedVoxels: 0 },
      ...{ consistencyA: 0.9714286, consistencyB: 1, maxDistance: 3 },
    });
    const { voxelsA, voxelsB, maxDistanceA, maxDistanceB } = rest;
    deepStrictEqual([voxelsA, voxelsB, maxDistanceA, maxDistanceB], [175, 150, 3, 3]);
  }
});

Deno.test("runPoint() starts outside of the excluded box (T9)", async () => {
  await using folder = await temporaryFolder();
  const { result, evaluation } = await runBars(folder.path, POINT, {
    initExclusionRadius: [6, 6, 3],
  });
  const { starts, objects } = result as PointResult;
  deepStrictEqual([starts[1], objects[1].history.length], [[[6, 6, 12]], 33]);
  const { iou, fromB } = evaluation as PairEvaluation;
  deepStrictEqual([round(iou), fromB.voxels, round(fromB.consistencyA)], [
    ...[0.9723077, 316, 0.9485714],
  ]);
});

Deno.test("runPoint() follows one object from an endpoint, and says what is missing (T9)", async () => {
  await using folder = await temporaryFolder();
  const { result } = await runBars(folder.path, { ...POINT, idB: null });
  const { objects, starts } = result as PointResult;
  deepStrictEqual([objects.length, objects[0].history.length], [1, 37]);
  deepStrictEqual(starts, [[[6, 6, 2]], []]);
  const absent = await runBars(folder.path, { ...POINT, idB: 900n });
  // Object 900 lies within the margin of a face, where nothing can start.
  strictEqual(absent.evaluation, "incomplete: 1 of 2 objects were grown");
  const unknown = await runBars(folder.path, { ...POINT, idB: 5n });
  strictEqual(unknown.result, "object 5 does not lie in its subvolume");
  const outside = await runBars(folder.path, { ...POINT, position: [6, 6, 16] });
  strictEqual(outside.result, "not enough context: its subvolume reaches out of the image");
});

Deno.test("readPointResult() reads what writePointResult() wrote", async () => {
  await using folder = await temporaryFolder();
  const { result } = await runBars(folder.path, POINT);
  const path = pointPath({ outputDirectory: folder.path, subdirDigits: 2 }, POINT);
  await writePointResult(path, result as PointResult);
  const read = await readPointResult(path);
  const { counters, ...rest } = result as PointResult;
  deepStrictEqual({ ...read, counters: read.counters.toRecord() }, {
    ...rest,
    counters: counters.toRecord(),
  });
});
