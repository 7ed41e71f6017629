/** The mean of several checkpoints of one training: a generator between whose checkpoints brightness and contrast swing. */
import { UsageError } from "../../errors/errors.ts";
import type { NdArray } from "../../formats/nd_array.ts";
import { openCheckpoint } from "../../volumes/checkpoint_file.ts";

/**
 * Means of some variables over one checkpoint and others, element by element. The others are read one after the other, and
 * nothing else of them.
 *
 * @param prefix Of the checkpoint that `variables` are of, for errors.
 * @param names What is averaged; all of it is in `variables`.
 * @throws {UsageError} where one of the others lacks a variable or has another shape of it.
 */
export async function meanVariables(
  prefix: string,
  variables: ReadonlyMap<string, NdArray>,
  names: readonly string[],
  others: readonly string[],
): Promise<Map<string, NdArray>> {
  const sums = names.map((name) => {
    const { shape, data } = variables.get(name)!;
    return { name, shape, sum: Float64Array.from(data as Float32Array) };
  });
  for (const other of others) {
    await using checkpoint = await openCheckpoint(other);
    for (const { name, shape, sum } of sums) {
      const there = checkpoint.variables.get(name);
      if (there?.shape.join() !== shape.join()) {
        throw new UsageError(
          `Cannot average "${prefix}" with "${other}": both must have "${name}" of shape [${shape}], current is ${
            there ? `[${there.shape}]` : "none"
          }`,
        );
      }
      const { data } = await checkpoint.read(name);
      for (let i = 0; i < sum.length; i++) sum[i] += Number(data[i]);
    }
  }
  return new Map(sums.map(({ name, shape, sum }) => {
    const data = Float32Array.from(sum, (n) => n / (1 + others.length));
    return [name, { dtype: "float32", shape, data }];
  }));
}
