/** The volume of `ffn demo` with its truth and the request that segments it, without segmenting it. */
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { printInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import {
  copyDemoCheckpoint,
  DEMO_FOV_RADIUS,
  DEMO_REQUEST,
} from "../../engine/models/demo/demo_network.ts";
import { splitDisconnectedComponents } from "../../engine/segmentation/components.ts";
import { createHdf5 } from "../../engine/volumes/hdf5_writer.ts";
import { syntheticTissue, withFrame } from "../../engine/volumes/synthetic_tissue.ts";
import { squaredDistances } from "../../wasm/images/squared_distances.ts";

/** Where to look for what. */
export interface DemoVolume {
  readonly size: Zyx;
  /** `[z, y, x]`, one label per process and stay inside of the volume. */
  readonly truth: ArrayLike<number>;
  /** Spec of the image. */
  readonly image: string;
  /** Path of the request. */
  readonly request: string;
}

/** One of the largest objects of the truth, and the voxel farthest from its surface. */
export interface TrueObject {
  readonly label: number;
  readonly voxels: number;
  readonly middle: Zyx;
}

/** Writes image, network and request into `folder`; `edge` is that of the tissue without its frame. */
export async function writeDemoVolume(folder: string, edge = 96, seed = 1): Promise<DemoVolume> {
  const tissue = withFrame(syntheticTissue({ size: [edge, edge, edge], seed }), DEMO_FOV_RADIUS);
  const { labels: truth } = await splitDisconnectedComponents(tissue.labels, tissue.size);
  const { size } = tissue, dataset = "raw";
  await using writer = await createHdf5(`${folder}/tissue.h5`, {
    dataset,
    shape: size,
    dtype: "uint8",
  });
  await writer.write({ start: [0, 0, 0], size }, tissue.image);
  await writer.commit();
  const image = `${folder}/tissue.h5:raw`, request = `${folder}/request.pbtxt`;
  const message = {
    ...DEMO_REQUEST,
    image: { hdf5: image },
    modelCheckpointPath: await copyDemoCheckpoint(folder),
    segmentationOutputDir: `${folder}/results`,
  };
  await Deno.writeTextFile(request, printInferenceRequest(message));
  return { size, truth: Array.from(truth, Number), image, request };
}

/** The largest objects of a volume, the largest first, with a place to click in each. */
export async function largestObjects(
  { truth, size }: Pick<DemoVolume, "truth" | "size">,
  count: number,
): Promise<TrueObject[]> {
  const voxels = new Map<number, number>();
  for (let i = 0; i < truth.length; i++) voxels.set(truth[i], (voxels.get(truth[i]) ?? 0) + 1);
  voxels.delete(0);
  const largest = [...voxels].sort((a, b) => b[1] - a[1]).slice(0, count);
  return await Promise.all(largest.map(async ([label, n]) => {
    const others = Uint8Array.from({ length: truth.length }, (_, i) => truth[i] === label ? 0 : 1);
    const distances = await squaredDistances(others, size);
    let at = 0;
    for (let i = 0; i < distances.length; i++) if (distances[i] > distances[at]) at = i;
    const z = Math.floor(at / (size[1] * size[2])), y = Math.floor(at / size[2]) % size[1];
    return { label, voxels: n, middle: [z, y, at % size[2]] as const };
  }));
}

/** Voxels that two sets of voxels of `[z, y, x]` arrays have in common, as a share of those of either. */
export function intersectionOverUnion(
  a: ArrayLike<number>,
  labelA: number,
  b: ArrayLike<number>,
  labelB: number,
): number {
  let both = 0, either = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === labelA && b[i] === labelB) both++;
    if (a[i] === labelA || b[i] === labelB) either++;
  }
  return both / either;
}
