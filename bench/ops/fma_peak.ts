/** What this machine's 128-bit fused multiply-add reaches from WebAssembly on one thread: nothing but independent sums. */
import { asc } from "../../wasm/assemblyscript.ts";

/** One sum per register that V8 has to give, and enough to hide the latency. */
const SUMS = 12;
/** Short enough that V8 replaces the loop by an optimised one between two calls. */
const STEPS = 5_000;
const CALLS = 20_000;
const LANES = 4;

function source(): string {
  const each = (line: (i: number) => string) =>
    Array.from({ length: SUMS }, (_, i) => line(i)).join("\n");
  return `export function peak(steps: i32): f32 {
  const x = f32x4.splat(0.5), y = f32x4.splat(0.25);
${each((i) => `let s${i} = f32x4.splat(${i});`)}
  for (let i = 0; i < steps; i++) {
${each((i) => `s${i} = f32x4.relaxed_madd(x, y, s${i});`)}
  }
${each((i) => i > 0 ? `s0 = f32x4.add(s0, s${i});` : "")}
  return f32x4.extract_lane(s0, 0);
}`;
}

/** GFLOP/s of one thread. */
export async function fmaPeak(): Promise<number> {
  const text = source();
  let binary: Uint8Array<ArrayBuffer> | null = null;
  const { error } = await asc.main(
    [
      "peak.ts",
      "-O0",
      "--runtime",
      "stub",
      "--enable",
      "simd,relaxed-simd",
      "--outFile",
      "peak.wasm",
    ],
    {
      readFile: (name: string) => name === "peak.ts" ? text : null,
      writeFile: (name: string, contents: Uint8Array | string) => {
        if (name === "peak.wasm") binary = Uint8Array.from(contents as Uint8Array);
      },
      listFiles: () => [],
    },
  );
  if (error || !binary) throw new SyntaxError(`Cannot compile the peak loop: ${error?.message}`);
  const { instance } = await WebAssembly.instantiate(binary as Uint8Array<ArrayBuffer>, {
    env: { abort: () => {} },
  });
  const { peak } = instance.exports as unknown as { peak(steps: number): number };
  let leastMs = Infinity;
  for (let i = 0; i < CALLS; i++) {
    const start = performance.now();
    peak(STEPS);
    leastMs = Math.min(leastMs, performance.now() - start);
  }
  return 2 * LANES * SUMS * STEPS / leastMs * 1e-6;
}
