import { elementCount } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";

/**
 * The variables that owner `index` of `owners` holds, in the order of the network: each goes to the owner that has the
 * fewest elements so far. (The reference deals them out in turn, weights and biases in alternation, so that with two
 * owners one gets all the weights.)
 */
export function variablesOf(
  variables: readonly Variable[],
  owners: number,
  index: number,
): Variable[] {
  const sizes = new Array<number>(owners).fill(0);
  return variables.filter(({ shape }) => {
    const owner = sizes.indexOf(Math.min(...sizes));
    sizes[owner] += elementCount(shape);
    return owner === index;
  });
}

/** Elements of all of them. */
export function totalElements(variables: readonly Variable[]): number {
  return variables.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/**
 * Arrays by variable as one array, in the order of `variables`.
 *
 * @param all What to write into; a new one unless given.
 */
export function joined(
  variables: readonly Variable[],
  arrayOf: (name: string) => ArrayLike<number>,
  all: Float32Array<ArrayBuffer> = new Float32Array(totalElements(variables)),
): Float32Array<ArrayBuffer> {
  let offset = 0;
  for (const { name } of variables) {
    const array = arrayOf(name);
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}

/** The parts of such an array by variable; views of it. */
export function parted(
  variables: readonly Variable[],
  all: Float32Array,
): [name: string, values: Float32Array][] {
  let offset = 0;
  return variables.map(({ name, shape }) => {
    const end = offset + elementCount(shape);
    const part = all.subarray(offset, end);
    offset = end;
    return [name, part];
  });
}
