import { MESH_INFO, meshManifest } from "../formats/precomputed_mesh.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { spatialSize, type Volume } from "../volumes/volume.ts";
import type { MeshSource } from "./served_volume.ts";
import { fragmentKey, labelsNear, meshBlocks, meshFragments } from "./precomputed_meshes.ts";

/** Blocks whose meshes are kept; those used longest ago go first. */
const KEPT_BLOCKS = 64;
/** To know where objects are a volume is read whole: larger ones are served without meshes. */
const MOST_VOXELS = 512 ** 3;
/** As `ffn convert --meshes`, in voxels. */
const MAX_ERROR = 1;

/** Meshes of a volume of labels, made when a viewer asks for them; with the keys of Neuroglancer's format. */
export class ServedMeshes implements MeshSource {
  readonly #volume: Volume;
  readonly #place: { readonly voxelSizeNm: Zyx; readonly offset: Zyx };
  #blocksOfLabels: Promise<Map<bigint, Box[]>> | null = null;
  /** By first voxel of the block, the most recently used one last. */
  readonly #fragments = new Map<string, ReturnType<typeof meshFragments>>();

  constructor(volume: Volume, place: { voxelSizeNm: Zyx; offset: Zyx }) {
    this.#volume = volume;
    this.#place = place;
  }

  /** Whether a volume is small enough for meshes on demand. */
  static fits(volume: Volume): boolean {
    return volumeOf(spatialSize(volume)) <= MOST_VOXELS;
  }

  async get(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    if (key === "info") return json(MESH_INFO);
    const [, digits, part] = /^(\d+):0(:[\d_-]+)?$/.exec(key) ?? [];
    if (digits === undefined) return null;
    const id = BigInt(digits);
    const blocks = (await this.#index()).get(id);
    if (blocks === undefined) return null;
    if (part === undefined) return json(meshManifest(await this.#fragmentsOf(id, blocks)));
    const block = blocks.find((box) => fragmentKey(id, box) === key);
    return block === undefined ? null : (await this.#meshesOf(block)).get(id) ?? null;
  }

  /** Fragments of an object that are not empty. */
  async #fragmentsOf(id: bigint, blocks: readonly Box[]): Promise<string[]> {
    const keys: string[] = [];
    for (const block of blocks) {
      if ((await this.#meshesOf(block)).has(id)) keys.push(fragmentKey(id, block));
    }
    return keys;
  }

  /** The blocks of each label; the volume is read once for it. */
  #index(): Promise<Map<bigint, Box[]>> {
    return this.#blocksOfLabels ??= (async () => {
      const index = new Map<bigint, Box[]>();
      for (const block of meshBlocks(this.#volume)) {
        for (const id of await labelsNear(this.#volume, block)) {
          const blocks = index.get(id);
          if (blocks === undefined) index.set(id, [block]);
          else blocks.push(block);
        }
      }
      return index;
    })().catch((error) => {
      this.#blocksOfLabels = null;
      throw error;
    });
  }

  #meshesOf(block: Box): ReturnType<typeof meshFragments> {
    const key = block.start.join();
    const made = this.#fragments.get(key) ??
      meshFragments(this.#volume, block, { ...this.#place, maxError: MAX_ERROR });
    this.#fragments.delete(key);
    this.#fragments.set(key, made);
    made.catch(() => this.#fragments.delete(key));
    if (this.#fragments.size > KEPT_BLOCKS) {
      this.#fragments.delete(this.#fragments.keys().next().value!);
    }
    return made;
  }
}
