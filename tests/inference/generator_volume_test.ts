import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import {
  openGeneratorVolume,
  type TransferOptions,
} from "../../engine/inference/generator_volume.ts";
import { networkVariables } from "../../engine/models/secgan/secgan.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { Random } from "../../engine/training/random.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import type { Volume } from "../../engine/volumes/volume.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { testWith } from "../support/resources.ts";
import { randomFloats } from "../support/small_networks.ts";

/** Options of a random generator of two blocks, which takes 4 voxels on each side. */
function options(channels: number, more: Partial<TransferOptions>): TransferOptions {
  const generator = { depth: 2, channels, norm: "none", dropout: false } as const;
  const variables = networkVariables({ generator } as never, "F");
  return {
    generator,
    scope: "generator_F",
    variables: initialVariables({ variables }, new Random(4)),
    pad: "none",
    dtype: "float32",
    tileSize: [99, 99, 99],
    toInput: (data) => Float32Array.from(data as Float32Array),
    ...more,
  };
}

function image(size: Zyx, seed = 1): Volume {
  const data = randomFloats(size[0] * size[1] * size[2], seed);
  return memoryVolume({ dtype: "float32", shape: size, data }, "image");
}

async function wholeOf(source: Volume, backend: Backend, given: TransferOptions) {
  await using volume = await openGeneratorVolume(source, backend, given);
  return await volume.read(wholeBox(volume)) as Float32Array;
}

const PLACES = {
  reference: { needs: [], tolerance: 0, open: () => Promise.resolve(openReferenceBackend()) },
  wasm: { needs: [], tolerance: 0, open: () => openWasmBackend({ threads: 2 }) },
  webgpu: { needs: ["gpu"], tolerance: 1e-6, open: () => WebGpuBackend.open() },
} as const;

for (const [place, { needs, tolerance, open }] of Object.entries(PLACES)) {
  testWith(
    [...needs],
    `openGeneratorVolume() gives in any tiles what it gives in one piece, ${place}`,
    async () => {
      await using backend: Backend = await open();
      const channels = place === "reference" ? 2 : 32;
      const source = image([19, 22, 25]);
      const whole = await wholeOf(source, backend, options(channels, {}));
      strictEqual(whole.length, 11 * 14 * 17);
      for (const tileSize of [[3, 6, 9], [6, 14, 5]] as Zyx[]) {
        const tiled = await wholeOf(source, backend, options(channels, { tileSize }));
        const worst = tiled.reduce((max, v, i) => Math.max(max, Math.abs(v - whole[i])), 0);
        ok(worst <= tolerance, `tiles ${tileSize}: ${worst}`);
      }
    },
  );
}

Deno.test("openGeneratorVolume() keeps the size by mirroring, and its middle is that of the smaller one", async () => {
  const backend = openReferenceBackend();
  const source = image([9, 10, 12]);
  const smaller = await wholeOf(source, backend, options(2, {}));
  await using kept = await openGeneratorVolume(source, backend, options(2, { pad: "reflect" }));
  deepStrictEqual(kept.shape, [9, 10, 12]);
  deepStrictEqual(await kept.read({ start: [4, 4, 4], size: [1, 2, 4] }), smaller);
  // The same volume, mirrored by hand.
  const at = (i: number, n: number) => i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
  const data = await source.read(wholeBox(source)) as Float32Array;
  const wide = Float32Array.from({ length: 17 * 18 * 20 }, (_, i) => {
    const x = at(i % 20 - 4, 12), y = at(Math.floor(i / 20) % 18 - 4, 10);
    return data[(at(Math.floor(i / 360) - 4, 9) * 10 + y) * 12 + x];
  });
  const padded = memoryVolume({ dtype: "float32", shape: [17, 18, 20], data: wide });
  deepStrictEqual(await kept.read(wholeBox(kept)), await wholeOf(padded, backend, options(2, {})));
});

Deno.test("openGeneratorVolume() maps -1 to 1 to bytes, and says where its first voxel lies", async () => {
  const backend = openReferenceBackend();
  const source = { ...image([9, 9, 9]), offset: [10, 20, 30] as Zyx };
  const read = image([9, 9, 9]);
  source.read = (box) => read.read(box);
  const floats = await wholeOf(source, backend, options(2, {}));
  await using bytes = await openGeneratorVolume(source, backend, options(2, { dtype: "uint8" }));
  deepStrictEqual(
    await bytes.read(wholeBox(bytes)),
    Uint8Array.from(floats, (v) => Math.round(v * 127.5 + 127.5)),
  );
  deepStrictEqual(bytes.offset, [14, 24, 34]);
});

Deno.test("openGeneratorVolume() refuses a volume that the generator takes away", async () => {
  await rejects(
    openGeneratorVolume(image([9, 8, 9]), openReferenceBackend(), options(2, {})),
    /each axis must have 9 voxels or more for this generator, current y is 8/,
  );
});
