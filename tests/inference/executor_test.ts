import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { FovPredictor } from "../../engine/inference/canvas.ts";
import {
  type BatchPredictor,
  Executor,
  type ExecutorClient,
} from "../../engine/inference/executor.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import {
  BARS_SIZE,
  barsImage,
  ListedSeeds,
  modelOf,
  StandInNetwork,
} from "../support/bars_volume.ts";

/** A network of one-voxel fields of view that records the image values of each batch and answers image + seed. */
function recordingNetwork(
  batchSize: number,
  latencyMs = 0,
): BatchPredictor & { batches: number[][] } {
  return {
    model: modelOf([1, 1, 1], [0, 0, 0]),
    batchSize,
    batches: [],
    async predict(image, seed, logits) {
      this.batches.push([...image]);
      await delay(latencyMs);
      image.forEach((v, i) => logits[i] = v + seed[i]);
    },
  };
}

/** One request with image value `value` and seed value 100. */
async function ask(client: ExecutorClient, value: number): Promise<number> {
  const logits = new Float32Array(1);
  await client.predict(Float32Array.of(value), Float32Array.of(100), logits);
  return logits[0];
}

Deno.test("Executor fills batches first come first served and flushes the rest (V14)", async () => {
  const network = recordingNetwork(2);
  await using executor = new Executor(network);
  const clients = [executor.connect(), executor.connect(), executor.connect()];
  deepStrictEqual(clients.map((c) => c.id), [0, 1, 2]);
  const answers = await Promise.all(clients.map((client, i) => ask(client, i + 1)));
  deepStrictEqual(answers, [101, 102, 103]);
  // The reference would wait for clients 0 and 1 to leave before it runs the third request.
  deepStrictEqual(network.batches, [[1, 2], [3]]);
  strictEqual(executor.connect().id, 3);
  strictEqual(executor.counters.get("executor-inference-calls"), 2);
  strictEqual(executor.counters.get("client-wait-calls"), 3);
  strictEqual(executor.counters.get("executor-clients"), 4);
  for (const client of clients) client[Symbol.dispose]();
  strictEqual(executor.counters.get("executor-clients"), 1);
});

Deno.test("Executor joins clients that answer in the same turn, and never waits for an idle one", async () => {
  const network = recordingNetwork(3, 1);
  await using executor = new Executor(network);
  const busy = [executor.connect(), executor.connect()];
  executor.connect();
  const loop = async (client: ExecutorClient, from: number) => {
    for (let i = 0; i < 5; i++) {
      strictEqual(await ask(client, from + i), from + i + 100);
      // Some turns of the microtask queue, as a canvas takes between two steps.
      for (let k = 0; k < 20; k++) await null;
    }
  };
  await Promise.all([loop(busy[0], 0), loop(busy[1], 10)]);
  deepStrictEqual(network.batches, [[0, 10], [1, 11], [2, 12], [3, 13], [4, 14]]);
});

Deno.test("Executor passes a network failure to every client, then refuses", async () => {
  let calls = 0;
  await using executor = new Executor({
    model: modelOf([1, 1, 1], [0, 0, 0]),
    batchSize: 1,
    predict: async () => {
      calls++;
      await delay(1);
      throw new RangeError("Cannot run: the device is lost");
    },
  });
  const clients = [executor.connect(), executor.connect()];
  const results = await Promise.allSettled(clients.map((client) => ask(client, 1)));
  deepStrictEqual(results.map((r) => r.status), ["rejected", "rejected"]);
  await rejects(ask(clients[0], 1), /Cannot run: the device is lost/);
  strictEqual(calls, 1);
});

Deno.test("Executor gives every canvas what it gets from a network of its own", async () => {
  const options = {
    initActivation: 0.95,
    padValue: 0.05,
    moveThreshold: 0.9,
    segmentThreshold: 0.6,
    minSegmentSize: 10,
  };
  const run = async (predictor: FovPredictor, first: number) => {
    const canvas = new HostCanvas({ image: barsImage(), size: BARS_SIZE, predictor, options });
    const seeds = ([[6, 6, 6], [13, 7, 8], [5, 13, 13]] as const).slice(first);
    await canvas.segmentAll(new ListedSeeds(seeds, BARS_SIZE, [2, 2, 2]));
    return { segmentation: canvas.segmentation, segProb: canvas.segProb };
  };
  const network = new StandInNetwork([5, 5, 5], [2, 2, 2], [5, 5, 5], 2);
  await using executor = new Executor(network);
  const shared = await Promise.all([0, 1, 2].map(async (first) => {
    using client = executor.connect();
    return await run(client, first);
  }));
  const alone = await Promise.all([0, 1, 2].map((first) => run(new StandInNetwork(), first)));
  deepStrictEqual(shared, alone);
  const batches = executor.counters.get("executor-inference-calls");
  ok(batches < network.predictions, `${batches} batches for ${network.predictions} predictions`);
});
