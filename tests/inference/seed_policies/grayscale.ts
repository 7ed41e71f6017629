import type { Zyx } from "../../../engine/geometry/vectors.ts";
import { FIB25 } from "../../support/resources.ts";

/** The corner at (0, 0, 0) of the FIB-25 training volume, `[z, y, x]` of `size`, normalised as in the published run. */
export async function grayscale(size: Zyx): Promise<Float32Array> {
  const { File, ready } = await import("h5wasm");
  await ready;
  const file = new File(`${FIB25}/training_sample2/grayscale_maps.h5`, "r");
  try {
    const raw = file.get("raw");
    if (raw === null || !("slice" in raw)) throw new Error('Cannot read dataset "raw"');
    const values = raw.slice(size.map((n) => [0, n])) as Uint8Array;
    const image = new Float32Array(values.length);
    for (let i = 0; i < image.length; i++) image[i] = (values[i] - 128) / 33;
    return image;
  } finally {
    file.close();
  }
}
