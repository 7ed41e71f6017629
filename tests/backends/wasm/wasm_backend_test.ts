/** Order of writes, runs and reads on the wasm backend, what it refuses, and how it ends. */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { Arena } from "../../../engine/backends/wasm/arena.ts";
import { ThreadPool } from "../../../engine/backends/wasm/thread_pool.ts";
import { openWasmBackend, WasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { KernelError, UnsupportedError } from "../../../engine/errors/errors.ts";
import { appendAdd } from "../../../engine/ops/binary.ts";
import { appendConv3d } from "../../../engine/ops/conv3d.ts";
import { type Graph, GraphBuilder } from "../../../engine/ops/graph.ts";
import { appendRelu, unary } from "../../../engine/ops/unary.ts";
import { compileModules, loadModuleBytes } from "../../../wasm/mod.ts";

/** y = a + b over `count` floats. */
function sumGraph(count: number): Graph {
  const graph = new GraphBuilder();
  graph.output("y", appendAdd(graph, graph.input("a", [count]), graph.input("b", [count])));
  return graph.build();
}

Deno.test("WasmBackend keeps the order of writes and runs that nobody waits for", async () => {
  await using backend = await openWasmBackend({ threads: 2 });
  const count = 50_000;
  const graph = sumGraph(count);
  const program = await backend.compile(graph);
  const tensor = (name: string) => backend.allocate([count], "float32", name);
  const [a, b, y, z] = ["a", "b", "y", "z"].map(tensor);
  const source = new Float32Array(count);
  for (let i = 1; i <= 20; i++) {
    backend.write(a, source.fill(i));
    backend.write(b, source.fill(10 * i));
    backend.run(program, { a, b, y });
    backend.run(program, { a: y, b, y: z });
    source.fill(-1);
    if (i % 5 === 0) {
      const data = await backend.read(z);
      ok(data.every((v) => v === 21 * i), `round ${i}: ${data[0]}`);
    }
  }
  const into = new Float32Array(count);
  equal(await backend.read(y, into), into);
  equal(into[count - 1], 220);
});

Deno.test("WasmBackend packs weights again when a parameter was written or another one is bound", async () => {
  await using backend = await openWasmBackend({ threads: 1 });
  const graph = new GraphBuilder();
  const x = graph.input("x", [1, 1, 1, 1, 1]);
  graph.output(
    "y",
    appendConv3d(graph, x, graph.parameter("w", [1, 1, 1, 1, 1]), graph.parameter("b", [1])),
  );
  const program = await backend.compile(graph.build());
  const scalar = (value: number, shape: number[]) => {
    const tensor = backend.allocate(shape, "float32", "scalar");
    backend.write(tensor, Float32Array.of(value));
    return tensor;
  };
  const shape = [1, 1, 1, 1, 1];
  const bindings = { x: scalar(3, shape), w: scalar(2, shape), b: scalar(1, [1]) };
  const y = scalar(0, shape);
  const result = async (more = {}) => {
    backend.run(program, { ...bindings, y, ...more });
    return (await backend.read(y))[0];
  };
  equal(await result(), 7);
  backend.write(bindings.w, Float32Array.of(5));
  equal(await result(), 16);
  equal(await result({ w: scalar(10, shape) }), 31);
  equal(await result(), 16);
});

Deno.test("WasmBackend copies values that are results and inputs with a halo", async () => {
  await using backend = await openWasmBackend({ threads: 2 });
  const graph = new GraphBuilder();
  const shape = [1, 2, 2, 2, 1];
  const middle = appendRelu(graph, graph.input("x", shape));
  graph.output("middle", middle);
  const weights = graph.parameter("w", [3, 3, 3, 1, 1]);
  graph.output("sum", appendConv3d(graph, middle, weights, graph.parameter("b", [1])));
  const program = await backend.compile(graph.build());
  const filled = (name: string, dims: number[], value: number) => {
    const tensor = backend.allocate(dims, "float32", name);
    const count = dims.reduce((a, b) => a * b, 1);
    backend.write(tensor, new Float32Array(count).fill(value));
    return tensor;
  };
  const bindings = {
    x: filled("x", shape, 2),
    w: filled("w", [3, 3, 3, 1, 1], 1),
    b: filled("b", [1], 0.5),
    middle: filled("middle", shape, 0),
    sum: filled("sum", shape, 0),
  };
  backend.run(program, bindings);
  deepEqual([...await backend.read(bindings.middle)], new Array(8).fill(2));
  deepEqual([...await backend.read(bindings.sum)], new Array(8).fill(16.5));
});

Deno.test("WasmBackend gives the same bytes whichever of two kernels a thread tries", async () => {
  await using backend = await openWasmBackend({ threads: 2 });
  const graph = new GraphBuilder();
  const shape = [2, 5, 7, 8, 12];
  const x = graph.input("x", shape);
  const weights = graph.parameter("w", [3, 3, 3, 12, 12]);
  graph.output("y", appendConv3d(graph, x, weights, graph.parameter("b", [12])));
  const program = await backend.compile(graph.build());
  const waves = (name: string, dims: number[]) => {
    const tensor = backend.allocate(dims, "float32", name);
    const count = dims.reduce((a, b) => a * b, 1);
    backend.write(tensor, Float32Array.from({ length: count }, (_, i) => Math.sin(i * i)));
    return tensor;
  };
  const bindings = {
    x: waves("x", shape),
    w: waves("w", [3, 3, 3, 12, 12]),
    b: waves("b", [12]),
    y: waves("y", shape),
  };
  let first: Float32Array | null = null;
  // More runs than there are trials of both kernels.
  for (let i = 0; i < 60; i++) {
    backend.run(program, bindings);
    const result = await backend.read<Float32Array>(bindings.y);
    first ??= result;
    deepEqual(new Int32Array(result.buffer), new Int32Array(first.buffer), `run ${i}`);
  }
});

Deno.test("WasmBackend refuses bindings and arrays that do not fit", async () => {
  await using backend = await openWasmBackend({ threads: 1 });
  const program = await backend.compile(sumGraph(4));
  const a = backend.allocate([4], "float32", "a");
  const wrong = backend.allocate([5], "float32", "wrong");
  throws(() => backend.run(program, { a, y: a }), /no tensor is bound to "b" \[4\]/);
  throws(
    () => backend.run(program, { a, b: wrong, y: a }),
    /"b" must be float32 \[4\], the tensor "wrong" is float32 \[5\]/,
  );
  throws(
    () => backend.write(a, new Float32Array(3)),
    /"a" \[4\]: it has 4 elements, the array has 3/,
  );
  await rejects(() => backend.read(a, new Float32Array(5)), /Cannot read tensor "a"/);
});

Deno.test("WasmBackend says what it has no kernel for", async () => {
  await using backend = await openWasmBackend({ threads: 1 });
  const graph = new GraphBuilder();
  graph.output(
    "y",
    graph.call({ ...unary, name: "cosine" }, [graph.input("x", [2, 3])], { function: "relu" })[0],
  );
  await rejects(
    () => backend.compile(graph.build()),
    (error: unknown) =>
      error instanceof UnsupportedError && /"cosine" of \[2, 3\]/.test(error.message),
  );
});

Deno.test("openWasmBackend() refuses impossible options", async () => {
  for (const threads of [0, -1, 1.5, NaN, 5000]) {
    await rejects(() => openWasmBackend({ threads }), /threads must be an integer from 1 to 1024/);
  }
  await rejects(() => openWasmBackend({ memoryBytes: 1024 }), /Cannot reserve 1024 bytes/);
});

Deno.test("WasmBackend names what does not fit into its memory", async () => {
  await using backend = await openWasmBackend({ threads: 1, memoryBytes: 64 * 1024 * 1024 });
  throws(
    () => backend.allocate([1 << 25], "float32", "huge"),
    /134217728 bytes for "huge".*of 67108864 bytes are in use; use a smaller batch_size/,
  );
});

Deno.test("ThreadPool.run() waits for its own program when the end of the one before is told late", async () => {
  const arena = new Arena(2 ** 28);
  const pool = await ThreadPool.open(1, arena, await compileModules(await loadModuleBytes()));
  await using backend = new WasmBackend(arena, pool);
  const count = 4_000_000;
  const program = await backend.compile(sumGraph(count));
  const tensor = (name: string) => backend.allocate([count], "float32", name);
  const [a, b, y] = ["a", "b", "y"].map(tensor);
  for (let round = 1; round <= 3; round++) {
    backend.write(a, new Float32Array(count).fill(round));
    backend.write(b, new Float32Array(count).fill(round));
    backend.run(program, { a, b, y });
    // What a thread does that was held up after it had counted its program; the words that are waited for come first.
    const words = new Int32Array(arena.memory.buffer, 0, 32);
    for (const word of words.keys()) Atomics.notify(words, word);
    const data = await backend.read(y);
    equal(data.findIndex((v) => v !== 2 * round), -1);
  }
});

Deno.test("ThreadPool reports the call that a thread died in, and every later run fails", async () => {
  const arena = new Arena();
  const pool = await ThreadPool.open(3, arena, await compileModules(await loadModuleBytes()));
  const outside = arena.memory.buffer.byteLength - 4;
  const failed = (error: unknown) =>
    error instanceof KernelError && error.label === "call 0" && /out of bounds/.test(error.message);
  await rejects(() => pool.run(outside, (index) => `call ${index}`), failed);
  await rejects(() => pool.run(outside, (index) => `call ${index}`), failed);
  pool.close();
});

Deno.test("Arena hands out zeros, joins what is given back and survives a second free", () => {
  const arena = new Arena(64 * 1024 * 1024);
  const half = 31 * 1024 * 1024;
  const a = arena.allocate(half, "a");
  const b = arena.allocate(half, "b");
  throws(() => arena.allocate(half, "c"), /"c"/);
  new Uint8Array(arena.memory.buffer, a, 100).fill(7);
  arena.free(a);
  arena.free(a);
  arena.free(b);
  equal(arena.used, 0);
  const whole = arena.allocate(2 * half, "whole");
  equal(whole, a);
  ok(new Uint8Array(arena.memory.buffer, whole, 100).every((v) => v === 0));
  equal(whole % 64, 0);
});

Deno.test("a program that closes its backend ends by itself, with no permission but to read the modules", async () => {
  const root = new URL("../../../", import.meta.url);
  const script = `
    import { openWasmBackend } from "${new URL("engine/backends/wasm/wasm_backend.ts", root)}";
    await using backend = await openWasmBackend({ threads: 3 });
    console.log(backend.description);`;
  const url = `data:application/typescript,${encodeURIComponent(script)}`;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", `--allow-read=${new URL("wasm/build", root).pathname}`, `--allow-import`, url],
    cwd: root,
    signal: AbortSignal.timeout(20_000),
  });
  const { code, stdout, stderr } = await command.output();
  equal(new TextDecoder().decode(stderr).replace(/.*Check.*\n/g, ""), "");
  deepEqual([code, new TextDecoder().decode(stdout)], [0, "WebAssembly, 3 threads\n"]);
});
