import type { Zyx } from "../../../engine/geometry/vectors.ts";
import { open } from "../../../engine/volumes/open.ts";
import { FIB25 } from "../../support/resources.ts";

/** The corner at (0, 0, 0) of the FIB-25 training volume, `[z, y, x]` of `size`, normalised as in the published run. */
export async function grayscale(size: Zyx): Promise<Float32Array> {
  await using volume = await open(`${FIB25}/training_sample2/grayscale_maps.h5:raw`);
  const values = await volume.read({ start: [0, 0, 0], size });
  const image = new Float32Array(values.length);
  for (let i = 0; i < image.length; i++) image[i] = (Number(values[i]) - 128) / 33;
  return image;
}
