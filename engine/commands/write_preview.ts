import { encodePng } from "../formats/png.ts";
import type { Box } from "../geometry/box.ts";
import type { InferenceRequest } from "../inference/request.ts";
import { readSubvolume } from "../inference/subvolume_image.ts";
import { loadSegmentation } from "../segmentation/load_segmentation.ts";
import { subvolumePath } from "../segmentation/subvolume_paths.ts";
import { arrayReader, paintLabels, readOrthogonalPlanes } from "../viewers/orthogonal_planes.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { open } from "../volumes/open.ts";

/**
 * Paints the finished segmentation of a box over its image, three slices through the middle.
 *
 * @returns Path of the PNG, beside the segmentation.
 */
export async function writePreview(request: InferenceRequest, box: Box): Promise<string> {
  const dir = request.segmentationOutputDir;
  const { labels, size } = await loadSegmentation(dir, box.start, { splitCc: false });
  await using volume = await open(request.image);
  const image = await readSubvolume(volume, box);
  const whole: Box = { start: [0, 0, 0], size };
  const picture = paintLabels(
    await readOrthogonalPlanes(arrayReader(image, size), whole),
    await readOrthogonalPlanes(arrayReader(labels, size), whole),
  );
  const path = subvolumePath(dir, box.start, "npz").replace(/npz$/, "png");
  await writeFileAtomically(path, encodePng({ ...picture, channels: 3 }));
  return path;
}
