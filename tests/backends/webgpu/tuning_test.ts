import { deepEqual, equal } from "node:assert/strict";
import { conv3dLauncher } from "../../../kernels/conv3d.ts";
import { conv3d } from "../../../engine/ops/conv3d.ts";
import { placeAlone } from "../../../engine/backends/webgpu/placement.ts";
import { fastestOf, preferredVariant } from "../../../engine/backends/webgpu/tuning.ts";

/** Times candidates on a machine that is `slowdowns[i]` times as slow at the i-th timing, then as fast as it can be. */
function clock(msOf: Readonly<Record<string, number>>, slowdowns: readonly number[] = []) {
  const timed: string[] = [];
  const timeMs = (name: string) => {
    timed.push(name);
    return Promise.resolve(msOf[name] * (slowdowns[timed.length - 1] ?? 1));
  };
  return { timed, timeMs };
}

Deno.test("fastestOf() keeps the preferred candidate unless another is clearly faster", async () => {
  const choose = async (rowsMs: number) => {
    const { timeMs } = clock({ rows: rowsMs, full: 100, nested: 99 });
    return (await fastestOf(["rows", "full", "nested"], "full", timeMs)).name;
  };
  equal(await choose(97), "full");
  equal(await choose(94), "rows");
});

Deno.test("fastestOf() takes turns, so that a burst of other work misleads it by no candidate", async () => {
  // Whatever is timed first runs on an idle machine, as do its last timings; the middle is three times as slow.
  const { timed, timeMs } = clock({ rows: 120, full: 100 }, [1, 3, 3, 3, 3, 1, 1, 1, 1, 1]);
  const { name, mediansMs } = await fastestOf(["rows", "full"], "full", timeMs);
  equal(name, "full");
  deepEqual(Object.fromEntries(mediansMs), { rows: 120, full: 100 });
  deepEqual(timed.slice(0, 4), ["rows", "full", "rows", "full"]);
});

Deno.test("fastestOf() is not misled by a single fast timing", async () => {
  const { timeMs } = clock({ rows: 120, full: 100 }, [0.1]);
  equal((await fastestOf(["rows", "full"], "full", timeMs)).name, "full");
});

Deno.test("fastestOf() passes over candidates that cannot run and times them once", async () => {
  const { timed, timeMs } = clock({ rows: 120, full: Infinity });
  equal((await fastestOf(["rows", "full"], "full", timeMs)).name, "rows");
  equal(timed.filter((name) => name === "full").length, 1);
});

Deno.test("preferredVariant() takes loads from where lanes load one by one", async () => {
  const choose = async (channels: number, software: boolean, subgroupSize: number) => {
    const shapes = [[1, 17, 17, 17, channels], [3, 3, 3, channels, 16], [16]];
    let id = 0;
    const value = (shape: number[]) => ({ id: id++, name: "", shape, dtype: "float32" }) as const;
    const inputs = shapes.map(value), outputs = [value([1, 17, 17, 17, 16])];
    const placed = placeAlone({ op: conv3d, inputs, outputs, attributes: {} }, false);
    const profile = { maxBindingBytes: 2 ** 27, maxWorkgroups: 65535, halfStorage: false };
    const supported = conv3dLauncher.variants.filter((v) =>
      v.supports(placed, { ...profile, subgroupSize })
    );
    return (await preferredVariant({ software, subgroupSize })(placed, supported)).name;
  };
  equal(await choose(16, true, 4), "nested_quad");
  equal(await choose(2, true, 4), "nested_quad");
  equal(await choose(16, true, 8), "full_broadcast");
  equal(await choose(2, true, 8), "rows");
  equal(await choose(16, true, 0), "full");
  equal(await choose(16, false, 32), "nested");
});
