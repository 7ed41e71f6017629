/** The mean of several checkpoints of one training: a generator between whose checkpoints brightness and contrast swing. */
import { UsageError } from "../../errors/errors.ts";
import type { NdArray } from "../../formats/nd_array.ts";

/**
 * Means of the variables of one scope, element by element; the others are those of the first checkpoint.
 *
 * @param checkpoints Variables by name, with the path that errors name.
 * @param scope First part of the names, `generator_F` or `generator_G`.
 * @throws {UsageError} where one of them lacks a variable or has another shape of it.
 */
export function meanVariables(
  checkpoints: readonly { path: string; variables: ReadonlyMap<string, NdArray> }[],
  scope: string,
): Map<string, NdArray> {
  const [first, ...others] = checkpoints;
  const mean = new Map(first.variables);
  for (const [name, value] of first.variables) {
    if (others.length === 0 || !name.startsWith(`${scope}/`)) continue;
    const sums = Float64Array.from(value.data as Float32Array);
    for (const { path, variables } of others) {
      const other = variables.get(name);
      if (other?.shape.join() !== value.shape.join()) {
        throw new UsageError(
          `Cannot average "${first.path}" with "${path}": both must have "${name}" of shape [${value.shape}], current is ${
            other ? `[${other.shape}]` : "none"
          }`,
        );
      }
      for (let i = 0; i < sums.length; i++) sums[i] += Number(other.data[i]);
    }
    const data = Float32Array.from(sums, (sum) => sum / checkpoints.length);
    mean.set(name, { dtype: "float32", shape: value.shape, data });
  }
  return mean;
}
