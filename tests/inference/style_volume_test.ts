import { deepStrictEqual, ok } from "node:assert/strict";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { StyledVolume, styleGraphs } from "../../engine/inference/style_volume.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { Random } from "../../engine/training/random.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { plainDecode, plainEncode } from "../support/plain_style.ts";
import { randomFloats } from "../support/small_networks.ts";

const SIZE: Zyx = [9, 21, 34];
const NETWORKS = {
  encoder: { scope: "seed_update", features: [4, 3, 4, 3] },
  decoder: { depth: 2, channels: 3 },
} as const;

function randomNetworks(): Map<string, NdArray> {
  const { encode, decode } = styleGraphs(NETWORKS, [1, 1, 1]);
  const variables = [...encode.parameters.values(), ...decode.parameters.values()];
  const random = new Random(4);
  const all = initialVariables({ variables }, random);
  // So that the faces of the volume make a difference.
  for (const [name, { data }] of all) {
    if (name.endsWith("biases")) {
      (data as Float32Array).forEach((_, i) => data[i] = random.normal());
    }
  }
  return all;
}

Deno.test("StyledVolume gives the same in tiles as in one piece, and what plain loops give", async () => {
  const image = randomFloats(SIZE[0] * SIZE[1] * SIZE[2], 3);
  const variables = randomNetworks();
  const source = memoryVolume({ dtype: "float32", shape: SIZE, data: image }, "image");
  await using backend = await openWasmBackend({ threads: 1 });
  const styled = async (edge: number) => {
    await using volume = await StyledVolume.open(source, backend, {
      ...{ ...NETWORKS, variables, tileSize: [edge, edge, edge] },
      toInput: (data) => Float32Array.from(data as Float32Array),
    });
    await using output = volume.output({
      dtype: "float32",
      transfer: (features) => features.forEach((v, i) => features[i] = 2 * v + i % 3),
      toOutput: (decoded) => decoded,
    });
    const parts: number[] = [];
    for (const tile of volume.tiles()) parts.push((await volume.features(tile)).length);
    return { data: await output.read(wholeBox(output)) as Float32Array, parts };
  };
  const whole = await styled(40), tiled = await styled(5);
  deepStrictEqual(whole.parts, [3 * image.length]);
  ok(tiled.parts.length === 2 * 5 * 7 && tiled.parts.reduce((a, b) => a + b) === 3 * image.length);
  const plain = new Map([...variables].map(([name, { data }]) => [name, data as Float32Array]));
  const code = plainEncode(image, image.map(() => 0), SIZE, plain, "seed_update", 2);
  const wanted = plainDecode(code.map((v, i) => 2 * v + i % 3), SIZE, plain, 2);
  const scale = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const distance = (a: Float32Array) =>
    a.reduce((most, v, i) => Math.max(most, Math.abs(v - wanted[i])), 0) / scale;
  ok(distance(whole.data) < 1e-5, `one piece: ${distance(whole.data)}`);
  ok(distance(tiled.data) < 1e-5, `tiles: ${distance(tiled.data)}`);
});
