import type { DType } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { CanvasOptions } from "../inference/canvas_options.ts";
import type { NamedArguments } from "../inference/request.ts";

/** A volume as the page reads it: chunk by chunk. */
export interface ShownVolume extends ShownLevel {
  /** The same in larger voxels, finest first. */
  readonly coarser: readonly ShownLevel[];
}

/** One level of a volume. */
export interface ShownLevel {
  /** Folder of its chunks, relative to the page. */
  readonly name: string;
  /** Type of the elements as they are served. */
  readonly dtype: DType;
  readonly size: Zyx;
  /** Of its first voxel in the data set, in voxels of this level. */
  readonly offset: Zyx;
  readonly chunkSize: Zyx;
  /** Voxels of the volume in one of this level, per axis. */
  readonly factors: Zyx;
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
  /** Of the volume. */
  readonly size: Zyx;
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

/** A canvas of this many voxels takes about 300 MB in the page; larger volumes are cut into several, which overlap. */
const MOST_CANVAS_VOXELS = 288 ** 3;
/** Edge of the canvases of larger volumes, and voxels that neighbours share. */
const CANVAS_EDGE = 256;
const CANVAS_OVERLAP = 96;

/** The canvas of a voxel of the volume: the one whose faces within the volume are farthest from it. */
export function canvasAt(size: Zyx, position: Zyx): Box {
  const stride = strideOf(size);
  const start = mapZyx(
    (n, p, axis) => {
      const step = stride[axis];
      let best = 0, most = -1;
      const first = Math.max(0, p - CANVAS_EDGE + 1);
      for (let s = first - first % step; s <= Math.min(p, lastStart(n, step)); s += step) {
        const end = step === n ? n : Math.min(n, s + CANVAS_EDGE);
        const depth = Math.min(s > 0 ? p - s : Infinity, end < n ? end - 1 - p : Infinity);
        if (depth > most) [best, most] = [s, depth];
      }
      return best;
    },
    size,
    position,
  );
  return canvasWithCorner(size, start)!;
}

/** The canvas that begins at a voxel; null where none does. */
export function canvasWithCorner(size: Zyx, corner: Zyx): Box | null {
  const stride = strideOf(size);
  const isStart = (s: number, axis: number) =>
    s >= 0 && s % stride[axis] === 0 && s <= lastStart(size[axis], stride[axis]);
  if (!corner.every(isStart)) return null;
  const edgeOf = (n: number, s: number, axis: number) =>
    stride[axis] === n ? n : Math.min(CANVAS_EDGE, n - s);
  return { start: corner, size: mapZyx(edgeOf, size, corner) };
}

/** Voxels from one canvas to the next: all of an axis that is not cut. */
function strideOf(size: Zyx): Zyx {
  const isWhole = volumeOf(size) <= MOST_CANVAS_VOXELS;
  return mapZyx((n) => isWhole || n <= CANVAS_EDGE ? n : CANVAS_EDGE - CANVAS_OVERLAP, size);
}

/** Where the last canvas of an axis begins: the first that reaches its end. */
function lastStart(n: number, stride: number): number {
  return stride === n ? 0 : Math.ceil((n - CANVAS_EDGE) / stride) * stride;
}
