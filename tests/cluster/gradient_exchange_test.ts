/** What must hold of the exchange of gradients wherever the owners of the parameters are. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount, type NdArray } from "../../engine/formats/nd_array.ts";
import { ExchangedStep } from "../../engine/training/exchanged_step.ts";
import type { Batch } from "../../engine/training/gradient_pass.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { MODEL, PLACES } from "../support/exchange_places.ts";
import { seededRandom } from "../support/random.ts";
import { testWith } from "../support/resources.ts";

const VOXELS = 7 ** 3;

/** Random arrays `[batch, 7, 7, 7]`. */
function randomBatch(seed: number, size: number): Batch {
  const random = seededRandom(seed);
  const array = (draw: () => number) => Float32Array.from({ length: size * VOXELS }, draw);
  return {
    image: array(() => 2 * random() - 1),
    seed: array(() => 4 * random() - 2),
    labels: array(() => random() > 0.5 ? 0.95 : 0.05),
    weights: array(() => 1),
  };
}

/** Several batches as one. */
function together(batches: readonly Batch[]): Batch {
  const join = (name: keyof Batch) => Float32Array.from(batches.flatMap((b) => [...b[name]]));
  return {
    image: join("image"),
    seed: join("seed"),
    labels: join("labels"),
    weights: join("weights"),
  };
}

/** A gradient with the same value everywhere. */
function constantGradients(value: number): Map<string, Float32Array> {
  return new Map(
    MODEL.variables.map((
      { name, shape },
    ) => [name, new Float32Array(elementCount(shape)).fill(value)]),
  );
}

function largestDifference(
  a: ReadonlyMap<string, NdArray>,
  b: ReadonlyMap<string, NdArray>,
): number {
  let largest = 0;
  for (const { name } of MODEL.variables) {
    const [x, y] = [a, b].map((map) => map.get(name)!.data as Float32Array);
    const norm = Math.hypot(...y);
    largest = Math.max(largest, Math.hypot(...x.map((v, i) => v - y[i])) / (norm || 1));
  }
  return largest;
}

for (const [place, { needs, open }] of Object.entries(PLACES)) {
  for (const [name, owners] of [["adam", 1], ["rmsprop", 2], ["momentum", 3]] as const) {
    testWith(
      needs,
      `one worker with ${owners} owners ${place} trains as one process, byte for byte`,
      async () => {
        await using run = await open({ owners, optimizer: { name, learningRate: 0.01 } });
        await using backend = await openWasmBackend({ threads: 1 });
        const { initial, optimizer } = run;
        await using alone = await TrainingStep.open(MODEL, 2, optimizer, initial, backend);
        const exchange = await run.join(0);
        await using shared = await ExchangedStep.open(
          ...[MODEL, 2, optimizer, { exchange, prefetch: true }, backend] as const,
        );
        for (let i = 0; i < 5; i++) {
          const batch = randomBatch(i, 2);
          strictEqual((await shared.step(batch)).loss, (await alone.step(batch)).loss);
        }
        const { variables, counts } = await shared.state();
        const expected = await alone.variables();
        deepStrictEqual(new Map([...variables].sort()), new Map([...expected].sort()));
        deepStrictEqual(counts, { 0: 5 });
        strictEqual(shared.globalStep, 5);
      },
    );
  }

  testWith(
    needs,
    `two synchronous workers ${place} train as one with twice the batch`,
    async () => {
      const setup = {
        rule: { replicas: 2 },
        optimizer: { name: "adam", learningRate: 0.001 } as const,
      };
      await using run = await open(setup);
      await using backend = await openWasmBackend({ threads: 1 });
      const { initial, optimizer } = run;
      await using alone = await TrainingStep.open(MODEL, 4, optimizer, initial, backend);
      const shared = await Promise.all([0, 1].map(async (worker) => {
        const exchange = { exchange: await run.join(worker), prefetch: false };
        return await ExchangedStep.open(MODEL, 2, optimizer, exchange, backend);
      }));
      for (let i = 0; i < 4; i++) {
        const batches = [randomBatch(2 * i, 2), randomBatch(2 * i + 1, 2)];
        await Promise.all(shared.map((step, w) => step.step(batches[w])));
        await alone.step(together(batches));
      }
      const { variables } = await shared[0].state();
      strictEqual(Number(variables.get("global_step")!.data[0]), 4);
      const difference = largestDifference(variables, await alone.variables());
      ok(difference < 1e-5, `${difference}`);
      for (const step of shared) await step[Symbol.asyncDispose]();
    },
  );

  testWith(
    needs,
    `a synchronous update ${place} is the mean of the clipped gradients; a late one is dropped`,
    async () => {
      await using run = await open({
        rule: { replicas: 2 },
        optimizer: { name: "sgd", learningRate: 1 },
      });
      const [a, b, spare] = await Promise.all([0, 1, 2].map((worker) => run.join(worker)));
      const { stamps, values } = await a.pull();
      const before = values.get("seed_update/conv0_a/biases")!.slice();
      // Workers clip; whatever comes is clipped again by the optimizer, after the mean.
      await a.push(constantGradients(0.7), stamps, 1);
      deepStrictEqual((await a.state()).counts, { 0: 0, 1: 0, 2: 0 });
      strictEqual((await b.push(constantGradients(0.1), stamps, 1)).outcome, "applied");
      strictEqual((await spare.push(constantGradients(0.5), stamps, 1)).outcome, "late");
      const after = await a.pull();
      strictEqual(after.globalStep, 1);
      const mean = Math.fround((Math.fround(0.7) + Math.fround(0.1)) / 2);
      deepStrictEqual(
        after.values.get("seed_update/conv0_a/biases"),
        before.map((v) => v - mean),
      );
      // As many as make an update; what was late is none.
      deepStrictEqual((await a.state()).counts, { 0: 1, 1: 1, 2: 0 });
    },
  );

  testWith(needs, `a synchronous run ${place} goes on without a worker that is lost`, async () => {
    await using run = await open({ rule: { replicas: 2 }, lostSeconds: 0.6 });
    const a = await run.join(0);
    const lost = await run.join(1);
    await lost[Symbol.asyncDispose]();
    for (let i = 0; i < 2; i++) {
      const { stamps } = await a.pull();
      await a.push(constantGradients(0.1), stamps, 1);
    }
    strictEqual((await a.pull()).globalStep, 2);
    ok(
      run.notes.some((line) => /^worker 1 \(.*\) is lost: silent for/.test(line)),
      run.notes.join(),
    );
  });

  testWith(
    needs,
    `gradients ${place} are refused with the worker's name where they are not finite`,
    async () => {
      await using run = await open();
      const [chief, worker] = [await run.join(0), await run.join(3)];
      const { stamps } = await worker.pull();
      const gradients = constantGradients(0);
      gradients.get("seed_update/conv1_a/weights")![5] = NaN;
      await rejects(
        worker.push(gradients, stamps, NaN),
        /Cannot apply gradients of worker 3 \(.*\): those of "seed_update\/conv1_a\/weights" are not finite/,
      );
      strictEqual((await chief.pull()).globalStep, 0);
    },
  );

  testWith(needs, `a worker with other flags may not join ${place}`, async () => {
    await using run = await open();
    await rejects(
      run.join(2, { "--learning-rate": "0.01" }),
      /Cannot join as worker 2: all processes of a run must have the same --learning-rate, current is 0.01, the owner has 0.001/,
    );
  });

  testWith(
    needs,
    `a newer copy of a worker ${place} takes its place, and the counts go on`,
    async () => {
      await using run = await open({ owners: 2 });
      const old = await run.join(1);
      const { stamps } = await old.pull();
      await old.push(constantGradients(0.1), stamps, 1);
      const copy = await run.join(1);
      await rejects(
        old.push(constantGradients(0.1), stamps, 1),
        /Cannot go on as worker 1: .* has taken its place/,
      );
      await copy.push(constantGradients(0.1), (await copy.pull()).stamps, 1);
      const { counts, variables } = await copy.state();
      deepStrictEqual(counts, { 1: 2 });
      strictEqual(Number(variables.get("global_step")!.data[0]), 2);
    },
  );

  testWith(needs, `gradients ${place} that are too old are dropped, or weigh less`, async () => {
    const rule = { maxStaleness: 2, stalenessRate: true };
    await using run = await open({ rule, optimizer: { name: "sgd", learningRate: 1 } });
    const exchange = await run.join(0);
    const first = await exchange.pull();
    const bias = async () => (await exchange.pull()).values.get("seed_update/conv0_a/biases")![0];
    const push = () => exchange.push(constantGradients(0.5), first.stamps, 1);
    deepStrictEqual(await push(), { outcome: "applied", globalStep: 1 });
    strictEqual(await bias(), -0.5);
    await push();
    strictEqual(await bias(), -1);
    // Two updates old: half the rate.
    await push();
    strictEqual(await bias(), -1.25);
    deepStrictEqual(await push(), { outcome: "stale", globalStep: 3 });
    strictEqual(await bias(), -1.25);
    const [{ applied, dropped, staleness }] = (await run.owners[0].status()).workers;
    deepStrictEqual({ applied, dropped, staleness }, { applied: 3, dropped: 1, staleness: 3 });
  });

  testWith(
    needs,
    `no update is made ${place} once all steps are done, and the owner ends when the chief has left`,
    async () => {
      await using run = await open({ maxSteps: 2 });
      const [chief, worker] = [await run.join(0), await run.join(1)];
      const { stamps } = await chief.pull();
      await chief.push(constantGradients(0), stamps, 1);
      await worker.push(constantGradients(0), stamps, 1);
      deepStrictEqual(await worker.push(constantGradients(0), stamps, 1), {
        outcome: "done",
        globalStep: 2,
      });
      await worker.leave();
      await chief.leave();
      await run.owners[0].done;
    },
  );
}
