import { deepEqual, ok, throws } from "node:assert/strict";
import { DEFAULT_OPTIMIZER } from "../../../engine/training/optimizer.ts";
import { DEFAULT_LAMBDAS } from "../../../engine/training/secgan/losses.ts";
import { planMemory, wasmBytes } from "../../../engine/training/secgan/memory_plan.ts";
import { stepGraph } from "../../../engine/training/secgan/step_graph.ts";
import { SECGAN_CASES, SPEC_SIZE } from "../../support/secgan_cases.ts";

Deno.test("wasmBytes() of the default networks, one sample at a time, take little more than half of a wasm memory", () => {
  const bytes = (recompute: boolean) => {
    const options = { model: SPEC_SIZE, microBatch: 1, lambdas: DEFAULT_LAMBDAS, recompute };
    return wasmBytes(SPEC_SIZE, stepGraph(options, 1), DEFAULT_OPTIMIZER);
  };
  const [kept, recomputed] = [bytes(false), bytes(true)];
  ok(recomputed < 0.85 * kept && kept < 2.2 * 2 ** 30, `${kept} and ${recomputed} bytes`);
});

Deno.test("planMemory() takes all samples at once where they fit, and keeps to what is given", () => {
  const { model } = SECGAN_CASES.A;
  const plan = (given: Parameters<typeof planMemory>[4]) =>
    planMemory(model, 4, "wasm", DEFAULT_OPTIMIZER, given);
  deepEqual(plan({}), { microBatch: 4, recompute: false });
  deepEqual(plan({ microBatch: 2, recompute: true }), { microBatch: 2, recompute: true });
  throws(() => plan({ microBatch: 3 }), /must be a divisor of batch_size, current .* is 4/);
});
