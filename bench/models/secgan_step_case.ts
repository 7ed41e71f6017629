/** The case of an iteration of SECGAN: the fill of `tests/support/secgan_run.ts`, as bytes that the peers read. */
import { elementCount } from "../../engine/formats/nd_array.ts";
import type { SecganModel } from "../../engine/models/secgan/secgan.ts";
import { segmenterSeed } from "../../engine/training/secgan/segmenter_seed.ts";
import { SECGAN_CASES, SPEC_SIZE } from "../../tests/support/secgan_cases.ts";
import { filledBatch, filledSegmenter, filledVariables } from "../../tests/support/secgan_run.ts";

/** The networks that are trained by default, or smaller ones of the same kinds. */
export function secganModel(small: boolean): SecganModel {
  return small ? SECGAN_CASES.C.model : SPEC_SIZE;
}

/** Writes float32 arrays one after the other to `path`, and to `path`.json where they lie: name, shape, first element. */
export async function writeSecganCase(path: string, model: SecganModel): Promise<void> {
  const { labeled, unlabeled, pooledLabeled, pooledUnlabeled } = filledBatch(model, 1);
  const { cycleSize, discSize, fovSize } = model.geometry;
  const seed = segmenterSeed(fovSize, true);
  const cubes = Object.entries({ labeled, unlabeled, pooledLabeled, pooledUnlabeled, seed });
  const edges = [cycleSize, cycleSize, discSize, discSize, fovSize];
  const arrays = [
    ...cubes.map(([name, data], i) => ({ name, shape: [1, ...Array(3).fill(edges[i]), 1], data })),
    ...[...filledVariables(model), ...filledSegmenter(model)].map(([name, { shape, data }]) => ({
      ...{ name, shape, data: data as Float32Array },
    })),
  ];
  const file = await Deno.open(path, { create: true, write: true, truncate: true });
  const writer = file.writable.getWriter();
  let first = 0;
  const index = [];
  for (const { name, shape, data } of arrays) {
    await writer.write(
      new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
    );
    index.push({ name, shape, first });
    first += elementCount(shape);
  }
  await writer.close();
  const { generator, segmenter, geometry } = model;
  const sizes = { depth: generator.depth, modules: segmenter!.depth, margin: geometry.margin };
  await Deno.writeTextFile(`${path}.json`, JSON.stringify({ ...sizes, arrays: index }));
}
