import {
  encodeMeshFragment,
  MESH_INFO,
  meshManifest,
  meshManifestKey,
} from "../formats/precomputed_mesh.ts";
import { alignAndCrop } from "../geometry/alignment.ts";
import { type Box, endOf, intersect } from "../geometry/box.ts";
import { addZyx, mapZyx, minZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { distinctLabels } from "../segmentation/distinct_labels.ts";
import { labelSurfaces } from "../segmentation/meshes/label_surfaces.ts";
import { simplifySurface } from "../segmentation/meshes/simplify_surface.ts";
import type { Journal } from "../volumes/new_volume.ts";
import { FolderStore } from "../volumes/object_store.ts";
import { spatialSize, type Volume, wholeBox } from "../volumes/volume.ts";

/** How meshes are made. */
export interface MeshOptions {
  /** Edges of a voxel in nanometres, and where the first one lies. */
  readonly voxelSizeNm: Zyx;
  readonly offset?: Zyx;
  /** How far simplification may move a surface, in voxels; 0 keeps every triangle. */
  readonly maxError: number;
  /** Takes the blocks that are done from a run that was stopped. */
  readonly journal?: Journal;
  readonly signal?: AbortSignal;
  readonly onProgress?: (voxels: number) => void;
  /** Voxels of a block along each axis. */
  readonly blockEdge?: number;
}

/** Surfaces of tissue take about as much memory as the voxels of a block; two chunks of the usual size along each axis. */
const BLOCK_EDGE = 128;

/**
 * Makes meshes of all labels of a volume but 0, for Neuroglancer: marching cubes block by block, one fragment for each
 * object of a block. Fragments of one object have the vertices of their seams in common, so that together they are closed,
 * also at the faces of the volume.
 *
 * @param volume Labels `[z, y, x]`.
 * @param folder Of the meshes; `info` of the segmentation names it.
 */
export async function writeMeshes(
  volume: Volume,
  folder: string,
  options: MeshOptions,
): Promise<void> {
  const { journal, signal, onProgress, blockEdge = BLOCK_EDGE } = options;
  const store = new FolderStore(folder);
  const write = (key: string, document: unknown) =>
    store.set(key, new TextEncoder().encode(JSON.stringify(document)));
  await write("info", MESH_INFO);
  for (const block of blocksOf(spatialSize(volume), blockEdge)) {
    signal?.throwIfAborted();
    const step = `mesh ${block.start.join(",")}`;
    if (!journal?.isDone(step)) {
      await writeFragments(volume, block, store, options);
      await journal?.markDone(step);
    }
    onProgress?.(volumeOf(block.size));
  }
  // Gathered from the folder, since earlier runs may have made some; they may also have left files that are not complete.
  const fragments = new Map<string, string[]>();
  for await (const { name } of Deno.readDir(folder)) {
    const [, id] = /^(\d+):0:[\d_-]+$/.exec(name) ?? [];
    if (id === undefined) continue;
    if (!fragments.has(id)) fragments.set(id, []);
    fragments.get(id)!.push(name);
  }
  for (const [id, names] of fragments) {
    signal?.throwIfAborted();
    await write(meshManifestKey(BigInt(id)), meshManifest(names.sort()));
  }
}

async function writeFragments(
  volume: Volume,
  block: Box,
  store: FolderStore,
  options: MeshOptions,
): Promise<void> {
  for (const [id, fragment] of await meshFragments(volume, block, options)) {
    await store.set(fragmentKey(id, block), fragment);
  }
}

/** Name of the fragment of an object in a block. */
export function fragmentKey(id: bigint, block: Box): string {
  const end = endOf(block);
  const range = [2, 1, 0].map((axis) => `${block.start[axis]}-${end[axis]}`).join("_");
  return `${id}:0:${range}`;
}

/** The parts of all objects' meshes that lie in a block, by label. */
export async function meshFragments(
  volume: Volume,
  block: Box,
  { voxelSizeNm, offset = [0, 0, 0], maxError }: MeshOptions,
): Promise<Map<bigint, Uint8Array<ArrayBuffer>>> {
  const { cells, inside } = cellsOf(block, volume);
  const { index, ids } = distinctLabels(await volume.read(inside));
  const surfaces = labelSurfaces(alignAndCrop(index, inside, cells), cells.size, ids.length);
  const place = { start: addZyx(offset, cells.start), voxelSizeNm };
  const fragments = new Map<bigint, Uint8Array<ArrayBuffer>>();
  for (const [label, surface] of surfaces) {
    const { positionsNm, triangles } = await simplifySurface(surface, place, maxError);
    fragments.set(BigInt(ids[label]), encodeMeshFragment(positionsNm, triangles));
  }
  return fragments;
}

/** Labels that may have a surface in a block. */
export async function labelsNear(volume: Volume, block: Box): Promise<bigint[]> {
  const { ids } = distinctLabels(await volume.read(cellsOf(block, volume).inside));
  return Array.from(ids, BigInt).filter((id) => id !== 0n);
}

/** The blocks that meshes of a volume are made in. */
export function meshBlocks(volume: Volume): Box[] {
  return [...blocksOf(spatialSize(volume), BLOCK_EDGE)];
}

function* blocksOf(size: Zyx, edge: number): Generator<Box> {
  for (let z = 0; z < size[0]; z += edge) {
    for (let y = 0; y < size[1]; y += edge) {
      for (let x = 0; x < size[2]; x += edge) {
        const start: Zyx = [z, y, x];
        yield { start, size: minZyx([edge, edge, edge], subZyx(size, start)) };
      }
    }
  }
}

/**
 * The voxels between whose centres the surfaces of a block lie: one more before it, which the block before ends with, and
 * at the end of the volume one after it.
 */
function cellsOf(block: Box, volume: Volume): { cells: Box; inside: Box } {
  const size = spatialSize(volume);
  const end = mapZyx((e, n) => e === n ? n + 1 : e, endOf(block), size);
  const start = mapZyx((n) => n - 1, block.start);
  const cells = { start, size: subZyx(end, start) };
  return { cells, inside: intersect(cells, wholeBox(volume))! };
}
