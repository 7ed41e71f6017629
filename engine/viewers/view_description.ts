import type { DType } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { SubBoxes } from "../geometry/sub_boxes.ts";
import type { CanvasOptions } from "../inference/canvas_options.ts";
import type { NamedArguments } from "../inference/request.ts";

/** A volume as the page reads it: chunk by chunk. */
export interface ShownVolume {
  /** Folder of its chunks, relative to the page. */
  readonly name: string;
  /** Type of the elements as they are served. */
  readonly dtype: DType;
  readonly size: Zyx;
  /** Of its first voxel in the data set, in voxels. */
  readonly offset: Zyx;
  readonly chunkSize: Zyx;
}

/** What the page is told before it shows anything. */
export interface ViewDescription {
  readonly title: string;
  readonly image: ShownVolume;
  readonly labels: ShownVolume | null;
  readonly voxelSizeNm: Zyx;
  /** Null where no request was given: the volume is only looked at. */
  readonly flood: FloodDescription | null;
}

/** How the page grows objects. */
export interface FloodDescription {
  readonly modelName: string;
  readonly modelArgs: Readonly<Record<string, unknown>>;
  readonly options: Required<CanvasOptions>;
  readonly movementPolicy: NamedArguments;
  /** Variables in the order of their values. */
  readonly variables: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Where the network shall run. */
  readonly backend: "auto" | "webgpu" | "wasm";
  /** Half of the field of view: seeds keep this distance from the faces of a canvas. */
  readonly margin: Zyx;
  /** Folder where accepted objects go. */
  readonly folder: string;
}

/** A canvas of this many voxels takes about 300 MB in the page; larger volumes are cut into several. */
const MOST_CANVAS_VOXELS = 288 ** 3;
/** Edge of the canvases of larger volumes, and voxels that neighbours share. */
const CANVAS_EDGE = 256;
const CANVAS_OVERLAP = 96;

/** The canvases of a volume: one where it is small enough, else overlapping ones. */
export function canvasesOf(size: Zyx): SubBoxes {
  const whole: Box = { start: [0, 0, 0], size };
  const edge = volumeOf(size) <= MOST_CANVAS_VOXELS ? null : CANVAS_EDGE;
  const overlap: Zyx = edge === null ? [0, 0, 0] : [CANVAS_OVERLAP, CANVAS_OVERLAP, CANVAS_OVERLAP];
  return new SubBoxes(whole, { size: [edge, edge, edge], overlap, includeSmall: edge === null });
}

/** The canvas in whose middle a voxel lies best. */
export function canvasAt(size: Zyx, position: Zyx): Box {
  let best: Box | null = null, least = Infinity;
  for (const box of canvasesOf(size)) {
    const distance = Math.max(
      ...position.map((p, axis) => Math.abs(p - box.start[axis] - box.size[axis] / 2)),
    );
    if (distance < least) [best, least] = [box, distance];
  }
  return best!;
}
