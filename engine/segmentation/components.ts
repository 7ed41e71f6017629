import type { TypedArray } from "../formats/nd_array.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { type Connectivity, labelComponents } from "../../wasm/labels/component_scan.ts";
import { assertLabels } from "./distinct_labels.ts";

export type { Connectivity };

/** Result of `splitDisconnectedComponents`. */
export interface Components {
  /** `[z, y, x]`: 0 where the input is 0, else the component's number from 1, in C order of first voxels. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Number of components. */
  readonly count: number;
}

/**
 * Gives every connected component of equal non-zero label a number of its own.
 *
 * @param labels `[z, y, x]`, of any integer type; not changed.
 * @throws {TypeError} when `labels` holds floats.
 * @throws {RangeError} when `labels` does not have as many elements as `size` says.
 */
export async function splitDisconnectedComponents(
  labels: TypedArray,
  size: Zyx,
  connectivity: Connectivity = 6,
): Promise<Components> {
  assertLabels("split components", labels);
  if (labels.length !== volumeOf(size)) {
    throw new RangeError(
      `Cannot split components: size zyx (${size.join(", ")}) needs ${volumeOf(size)} labels, ` +
        `current number is ${labels.length}`,
    );
  }
  return await labelComponents(labels, size, connectivity);
}
