import { equal, throws } from "node:assert/strict";
import { specialize } from "../../../engine/backends/webgpu/specialize.ts";

const SOURCE = `alias Real = f32;
const TILE: u32 = 4u;
const RELU: bool = false;
const CUT: f32 = 0.5;
fn f() -> u32 { const TILE2: u32 = TILE; return TILE2; }
`;

Deno.test("specialize() replaces constants and aliases and nothing else", () => {
  equal(
    specialize(SOURCE, { TILE: 8, RELU: true, CUT: 2 }),
    SOURCE.replace("= 4u", "= 8u").replace("false", "true").replace("0.5", "2.0"),
  );
  equal(specialize(SOURCE, { CUT: 0.25 }), SOURCE.replace("0.5", "0.25"));
});

Deno.test("specialize() adds the directive that f16 needs", () => {
  equal(
    specialize(SOURCE, { Real: "f16" }),
    `enable f16;\n${SOURCE.replace("Real = f32", "Real = f16")}`,
  );
});

Deno.test("specialize() refuses a name that the kernel does not declare at top level", () => {
  throws(
    () => specialize(SOURCE, { TILES: 8 }),
    /^RangeError: Cannot set "TILES" in a kernel: it declares Real, TILE, RELU, CUT$/,
  );
  throws(() => specialize(SOURCE, { TILE2: 8 }), RangeError);
});
