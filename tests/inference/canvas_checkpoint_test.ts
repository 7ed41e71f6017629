/** Checkpoints: written and read back, interrupted and resumed, and those of the reference programs. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { openNpz } from "../../engine/formats/npz.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import {
  type CheckpointOwner,
  loadCheckpoint,
  saveCheckpoint,
} from "../../engine/inference/canvas_checkpoint.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import type { RunControl } from "../../engine/inference/run_control.ts";
import { BARS_SIZE, barsImage, ListedSeeds, StandInNetwork } from "../support/bars_volume.ts";
import { checkMutations } from "../support/mutations.ts";
import { seededRandom } from "../support/random.ts";

const FIXTURES = new URL("../fixtures/canvas_checkpoints/", import.meta.url).pathname;
const REQUEST = Uint8Array.of(1, 2, 3);
const SEEDS: Zyx[] = [
  [6, 6, 6],
  [6, 6, 10],
  [13, 7, 8],
  [5, 13, 13],
  [10, 2, 2],
  [13, 12, 8],
  [2, 17, 17],
  [6, 6, 20],
];

const ownerOf = (size: Zyx): CheckpointOwner => ({
  size,
  request: REQUEST,
  isSameRequest: (request) => `${request}` === `${REQUEST}`,
});

function newCanvas(): HostCanvas {
  return new HostCanvas({
    image: barsImage(),
    size: BARS_SIZE,
    predictor: new StandInNetwork(),
    options: {
      initActivation: 0.95,
      padValue: 0.05,
      moveThreshold: 0.9,
      segmentThreshold: 0.6,
      minSegmentSize: 10,
      minBoundaryDist: [1, 1, 1],
    },
    keepHistory: true,
  });
}

/** What must not depend on interruptions. */
function outcome(canvas: HostCanvas) {
  const { segmentation, segProb, overlaps, origins, history, historyDeleted } = canvas;
  const counters = Object.entries(canvas.counters.toRecord())
    .filter(([name]) => !/-ms$|^save_checkpoint|^segment_all|loop-calls$/.test(name)).sort();
  return {
    segmentation,
    segProb,
    overlaps,
    origins: [...origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters]),
    history,
    historyDeleted,
    counters,
  };
}

const seedList = () => new ListedSeeds(SEEDS, BARS_SIZE, [2, 2, 2]);

Deno.test("a run that is stopped and resumed again and again gives what an uninterrupted one gives", async () => {
  const whole = newCanvas();
  await whole.segmentAll(seedList());
  const random = seededRandom(7);
  const dir = await Deno.makeTempDir();
  const path = join(dir, "run.cpoint");
  let stops = 0;
  try {
    for (let round = 0; round < 6; round++) {
      let canvas = newCanvas();
      for (let finished = false; !finished;) {
        const controller = new AbortController();
        let left = Math.floor(random() * 12);
        const control: RunControl = {
          signal: controller.signal,
          checkpoint: {
            intervalMs: 0,
            save: (snapshot) => saveCheckpoint(path, snapshot, ownerOf(BARS_SIZE)),
          },
          onStep: () => {
            if (left-- === 0) controller.abort(new Error("stop"));
          },
        };
        if (await canvas.segmentAll(seedList(), control).then(() => true, () => false)) {
          finished = true;
        } else {
          stops++;
          canvas = newCanvas();
          canvas.restore(await loadCheckpoint(path, ownerOf(BARS_SIZE)));
        }
      }
      deepStrictEqual(outcome(canvas), outcome(whole));
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  ok(stops > 30, `${stops} stops`);
});

Deno.test("periodic checkpoints are saved between objects and inside them, and all can be resumed", async () => {
  const whole = newCanvas();
  await whole.segmentAll(seedList());
  const dir = await Deno.makeTempDir();
  const paths: string[] = [];
  const inside: boolean[] = [];
  try {
    await newCanvas().segmentAll(seedList(), {
      checkpoint: {
        intervalMs: 1e-6,
        save: async (snapshot) => {
          inside.push(snapshot.partialSteps > 0);
          paths.push(join(dir, `${paths.length}.cpoint`));
          await saveCheckpoint(paths.at(-1)!, snapshot, ownerOf(BARS_SIZE));
        },
      },
    });
    // After every field of view, and before the five seeds that earlier objects do not cover.
    strictEqual(inside.filter((x) => x).length, whole.counters.get("update_at-calls"));
    strictEqual(inside.filter((x) => !x).length, 5);
    for (let i = 0; i < paths.length; i += 9) {
      const canvas = newCanvas();
      canvas.restore(await loadCheckpoint(paths[i], ownerOf(BARS_SIZE)));
      await canvas.segmentAll(seedList());
      const { counters: _, ...resumed } = outcome(canvas);
      const { counters: __, ...expected } = outcome(whole);
      deepStrictEqual(resumed, expected, `checkpoint ${i}`);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("saveCheckpoint() writes plain arrays beside the labels, origins and overlaps", async () => {
  const path = await Deno.makeTempFile();
  const canvas = newCanvas();
  const controller = new AbortController();
  await rejects(
    canvas.segmentAll(seedList(), {
      signal: controller.signal,
      checkpoint: {
        intervalMs: 0,
        save: (snapshot) => saveCheckpoint(path, snapshot, ownerOf(BARS_SIZE)),
      },
      onStep: (_, steps) => canvas.origins.size === 1 && steps === 3 && controller.abort(),
    }),
    { name: "AbortError" },
  );
  const archive = await openNpz(await Deno.readFile(path), path);
  await Deno.remove(path);
  const shapes: Record<string, string> = {};
  for (const name of archive.names) {
    const value = await archive.read(name);
    shapes[name] = value.kind === "array"
      ? `${value.array.dtype} ${value.array.shape}`
      : value.kind;
  }
  const queued = (await archive.readArray("queue_pos")).shape[0];
  deepStrictEqual(shapes, {
    segmentation: "int32 20,20,24",
    seg_qprob: "uint8 20,20,24",
    seed: "float32 20,20,24",
    origins: "object",
    overlaps: "object",
    history: "int64 3,3",
    history_deleted: "int64 3",
    queue_pos: `int32 ${queued},3`,
    queue_score: `float32 ${queued}`,
    done: "int32 3,3",
    start: "int32 3",
    min_pos: "int32 3",
    max_pos: "int32 3",
    partial_segment_iters: "int32 ",
    seed_coords: "int32 8,3",
    seed_idx: "int32 ",
    counters: "text",
    request: "bytes",
  });
  // The index is that of the object in progress, the third seed.
  deepStrictEqual((await archive.readArray("seed_idx")).data, Int32Array.of(2));
});

Deno.test("loadCheckpoint() refuses checkpoints of another request or box", async () => {
  const path = await Deno.makeTempFile();
  await saveCheckpoint(path, newCanvas().snapshot(), ownerOf(BARS_SIZE));
  await rejects(loadCheckpoint(path, { ...ownerOf(BARS_SIZE), isSameRequest: () => false }), {
    name: "FormatError",
    message: /Cannot resume from ".*": it belongs to another request/,
  });
  await rejects(
    loadCheckpoint(path, ownerOf([20, 24, 20])),
    /"segmentation" must be int32 \(20, 24, 20\), current int32 \(20, 20, 24\)/,
  );
  const bytes = await Deno.readFile(path);
  await Deno.writeFile(path, bytes.subarray(0, bytes.length / 2));
  await rejects(loadCheckpoint(path, ownerOf(BARS_SIZE)), { name: "FormatError" });
  await Deno.remove(path);
});

Deno.test("loadCheckpoint() refuses damaged checkpoints by name", async () => {
  const path = await Deno.makeTempFile();
  const canvas = newCanvas();
  const stop = new AbortController();
  const control: RunControl = {
    signal: stop.signal,
    checkpoint: {
      intervalMs: 0,
      save: (snapshot) => saveCheckpoint(path, snapshot, ownerOf(BARS_SIZE)),
    },
    onStep: (_, steps) => canvas.origins.size === 1 && steps === 20 && stop.abort(),
  };
  await rejects(canvas.segmentAll(seedList(), control), { name: "AbortError" });
  await checkMutations(await Deno.readFile(path), async (bytes) => {
    await Deno.writeFile(path, bytes);
    return await loadCheckpoint(path, ownerOf(BARS_SIZE));
  });
  await Deno.remove(path);
});

Deno.test("loadCheckpoint() reads the checkpoints of the reference programs", async () => {
  const size: Zyx = [3, 4, 5];
  const load = (name: string) => loadCheckpoint(`${FIXTURES}${name}.cpoint`, ownerOf(size));
  const fork = await load("fork");
  strictEqual(fork.segmentation.filter((v) => v === 1).length, 3);
  strictEqual(fork.segProb[0], 240);
  strictEqual(fork.seed[(1 * 4 + 1) * 5 + 2], -1.25);
  deepStrictEqual(
    fork.origins,
    new Map([[1, { startZyx: [0, 0, 1], iters: 7, walltimeSec: 0.5 }]]),
  );
  deepStrictEqual(fork.overlaps, new Map([[1, { ids: [4], counts: [9] }]]));
  deepStrictEqual(fork.history, [[1, 1, 1], [1, 1, 2]]);
  deepStrictEqual(fork.historyDeleted, [0, 3]);
  deepStrictEqual(fork.movement.queuePositions, Int32Array.of(1, 2, 3, 0, 1, 2));
  deepStrictEqual(fork.movement.queueScores, Float32Array.of(2.5, 2.25));
  strictEqual(fork.movement.done.length, 9);
  deepStrictEqual(fork.seeds, { coords: Int32Array.of(1, 1, 1, 1, 2, 2, 2, 2, 2), index: 2 });
  deepStrictEqual(fork.counters, { "voxels-segmented": 3, "update_at-calls": 9 });
  // The object in progress is lost with it, as in the reference.
  strictEqual(fork.partialSteps, 0);

  const upstream = await load("upstream");
  deepStrictEqual(upstream.movement.start, [1, 1, 1]);
  strictEqual(upstream.partialSteps, 2);
  strictEqual(upstream.seeds?.index, 1);
  deepStrictEqual([upstream.minPosition, upstream.maxPosition], [[1, 1, 1], [1, 1, 2]]);
  ok(upstream.segProb.every((q) => q === 0));

  strictEqual((await load("unseeded")).seeds, null);
});
