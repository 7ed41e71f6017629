/** The flood kernels repeat two structs, because every .wgsl file stands on its own: they must stay equal. */
import { deepEqual, equal } from "node:assert/strict";
import { encodeConfig } from "../../kernels/flood/config.ts";
import { inSlabs, mostSlabs, VOXEL_ARRAYS } from "../../kernels/flood/slabs.ts";
import { GATHER, PROLOGUE, TURNOVER, UPDATE } from "../../kernels/flood/stages.ts";
import { PHASE, STATE_FIELDS, STATUS } from "../../kernels/flood/state.ts";

const STAGES = [...TURNOVER, ...PROLOGUE, GATHER, ...UPDATE];

/** Text of a struct, comments included. */
function struct(source: string, name: string): string {
  return new RegExp(`^struct ${name} \\{[^}]*\\}`, "m").exec(source)![0];
}

Deno.test("the flood kernels declare the same State and Config", () => {
  for (const name of ["State", "Config"]) {
    const texts = new Set(STAGES.map((stage) => struct(stage.source, name)));
    equal(texts.size, 1, name);
  }
});

Deno.test("STATE_FIELDS and encodeConfig() follow the structs", () => {
  const members = (name: string) =>
    [...struct(GATHER.source, name).matchAll(/^ {2}(\w+): /gm)].map((m) => m[1]);
  deepEqual(members("State"), [...STATE_FIELDS]);
  const zero = [0, 0, 0] as const;
  const bytes = encodeConfig(
    {
      ...{ quantiles: new Float32Array(255), imageSize: zero, seedSize: zero, predSize: zero },
      ...{ deltas: zero, near: zero, init: 0, pad: 0, move: 0, segment: 0, score: 0 },
      ...{ discoCut: 0, minSize: 0, countDeleted: false },
    },
    { voxels: 0, queue: 0, cells: 0, seeds: 0, labels: 0, overlaps: 0, traces: 0 },
  );
  const words = 256 + members("Config").length - 1;
  equal(bytes.byteLength, Math.ceil(words / 4) * 16);
});

Deno.test("PHASE and STATUS have the values of the kernels", () => {
  for (const [prefix, values] of [["PHASE", PHASE], ["STATUS", STATUS]] as const) {
    for (const { source } of STAGES) {
      for (
        const [, name, value] of source.matchAll(
          new RegExp(`const ${prefix}_(\\w+): u32 = (\\d+)u;`, "g"),
        )
      ) {
        equal((values as Record<string, number>)[name.toLowerCase()], Number(value), name);
      }
    }
  }
});

Deno.test("inSlabs() cuts every use of a voxel array, and mostSlabs() counts what that binds", () => {
  const slabs = mostSlabs(16);
  equal(slabs, 4);
  for (const limit of [7, 8]) equal(mostSlabs(limit), 1);
  equal(mostSlabs(9), 2);
  for (const stage of STAGES) {
    equal(inSlabs(stage, 1, 100), stage);
    const { source, bindings } = inSlabs(stage, slabs, 100);
    const used = stage.bindings.filter(({ name }) => VOXEL_ARRAYS.some((a) => a === name));
    equal(bindings.length, stage.bindings.length + (slabs - 1) * used.length);
    equal(new Set(bindings.map((b) => b.at)).size, bindings.length);
    // Each slab ends where the next one begins.
    const ends = [...source.matchAll(/if \(i < (\d+)u\) \{ (?:return )?\w+\[i - (\d+)u\]/g)];
    for (const [, end, begin] of ends) equal(Number(end), Number(begin) + 100);
    equal(ends.length % (slabs - 1), 0);
    equal(ends.length > 0, used.length > 0);
    for (const { name } of used) {
      // Whatever is read or written is offset by the beginning of its slab.
      equal(new RegExp(`\\b${name}(_\\d)?\\[(?!i - \\d+u\\])`).exec(source), null);
    }
  }
});

Deno.test("every flood kernel binds at most 8 storage buffers", () => {
  for (const stage of STAGES) equal(stage.bindings.length <= 8, true, stage.entryPoint);
});
