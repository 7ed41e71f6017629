import { FormatError } from "../errors/errors.ts";
import { streamNpz } from "../formats/npz.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { Counters } from "../inference/counters.ts";
import { readNpzFile } from "../segmentation/npz_file.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { pointOfPath } from "./point_paths.ts";
import type { PointResult, RegrownObject } from "./point_run.ts";

/**
 * Writes the result of a point. Lists of different length are one flat array each, with the places where the lists
 * begin and end in a second array `<name>_off`. Coordinates of starts are xyz, all others zyx.
 */
export async function writePointResult(path: string, result: PointResult): Promise<void> {
  const { objects, starts, radius, corner, size, counters } = result;
  const shape = [objects.length, ...size];
  const probs = new Uint8Array(objects.length * volumeOf(size));
  objects.forEach((object, i) => probs.set(object.probs, i * volumeOf(size)));
  const map: NdArray = { dtype: "uint8", shape, data: probs };
  await writeFileAtomically(
    path,
    streamNpz([
      { name: "probs", value: map },
      // The same, because images are not aligned to each other.
      { name: "raw_probs", value: map },
      ...ragged("deletes", objects.map(({ deletes }) => deletes.map((n) => [n])), []),
      ...ragged("histories", objects.map(({ history }) => history), [3]),
      ...ragged("start_points", starts.map((list) => list.map((p) => [...p].reverse())), [3]),
      { name: "radius_zyx", value: int64([3], radius) },
      { name: "corner_zyx", value: int64([3], corner) },
      { name: "counters", value: { text: JSON.stringify(counters.toRecord()) } },
    ]),
  );
}

/**
 * Reads what `writePointResult` wrote; the point is that of the file's name.
 *
 * @throws {NotFoundError} when there is no such file, {@linkcode FormatError} when it is damaged.
 */
export async function readPointResult(path: string): Promise<PointResult> {
  return await readNpzFile(path, async (archive) => {
    const numbers = async (name: string) =>
      Array.from((await archive.readArray(name)).data, Number);
    const lists = async (name: string, width: number) => {
      const [flat, offsets] = [await numbers(name), await numbers(`${name}_off`)];
      return offsets.slice(1).map((to, i) =>
        Array.from({ length: to - offsets[i] }, (_, k) => {
          const at = width * (offsets[i] + k);
          return flat.slice(at, at + width);
        })
      );
    };
    const probs = await archive.readArray("probs");
    const [count, ...size] = probs.shape;
    const [deletes, histories, starts] = [
      await lists("deletes", 1),
      await lists("histories", 3),
      await lists("start_points", 3),
    ];
    if (probs.dtype !== "uint8" || size.length !== 3 || histories.length !== count) {
      throw new FormatError(
        `Cannot read "${path}": probs must be uint8 (object, z, y, x) with a history per object, ` +
          `current ${probs.dtype} (${probs.shape.join(", ")}) and ${histories.length}`,
        { path },
      );
    }
    const voxels = volumeOf(zyx(size));
    const objects = histories.map((history, i): RegrownObject => ({
      probs: (probs.data as Uint8Array).subarray(i * voxels, (i + 1) * voxels),
      history: history.map(zyx),
      deletes: deletes[i].flat(),
    }));
    const counters = new Counters();
    counters.restore(JSON.parse(await archive.readText("counters")));
    return {
      point: pointOfPath(path),
      radius: zyx(await numbers("radius_zyx")),
      corner: zyx(await numbers("corner_zyx")),
      size: zyx(size),
      objects,
      starts: [starts[0], starts[1]].map((list) => list.map((p) => zyx(p.toReversed()))) as [
        Zyx[],
        Zyx[],
      ],
      counters,
    };
  });
}

/** Lists of vectors as one array and the offsets of each list in it, counted in vectors. */
function ragged(
  name: string,
  lists: readonly (readonly (readonly number[])[])[],
  vector: readonly number[],
): { name: string; value: NdArray }[] {
  const offsets = [0];
  for (const list of lists) offsets.push(offsets[offsets.length - 1] + list.length);
  const flat = lists.flat(2);
  return [
    { name, value: int64([offsets[offsets.length - 1], ...vector], flat) },
    { name: `${name}_off`, value: int64([offsets.length], offsets) },
  ];
}

function int64(shape: readonly number[], values: readonly number[]): NdArray {
  return { dtype: "int64", shape, data: BigInt64Array.from(values, BigInt) };
}

function zyx([z, y, x]: readonly number[]): Zyx {
  return [z, y, x];
}
