/** A volume seen through a generator: what is read of it is computed, tile by tile. */
import type { Backend, Program, Tensor } from "../backends/backend.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { addZyx, mapZyx, maxZyx, minZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { appendGenerator, type GeneratorOptions } from "../models/secgan/generator.ts";
import { BLOCK_CLIP } from "../models/secgan/geometry.ts";
import { LayerScope, NetworkGraph } from "../models/secgan/layers.ts";
import { type Graph, GraphBuilder } from "../ops/graph.ts";
import { spatialSize, type Volume } from "../volumes/volume.ts";

/** How a volume is transferred. */
export interface TransferOptions {
  readonly generator: GeneratorOptions;
  /** Scope of its variables: `generator_F` or `generator_G`. */
  readonly scope: string;
  readonly variables: ReadonlyMap<string, NdArray>;
  /** `reflect` keeps the size: beyond its faces the volume is mirrored. `none` gives up what has no surroundings. */
  readonly pad: "none" | "reflect";
  /** `uint8` maps -1 to 1 to 0 to 255. */
  readonly dtype: "float32" | "uint8";
  /** Voxels zyx that are computed at once; made multiples of 3, and no larger than the result. */
  readonly tileSize: Zyx;
  /** Values of the volume as the generator shall see them. */
  toInput(data: ArrayLike<number | bigint>): Float32Array;
}

/** Winograd's convolutions work on groups of this many voxels: tiles that begin on it compute the same sums. */
const GRID = 3;
/** Voxels that are computed behind a tile and thrown away: in every layer the last group may lack some of its voxels. */
const SPILL = GRID - 1;

/** Of tiles that are kept for the next boxes: writers of sections ask for a few planes at a time. */
const KEPT_BYTES = 2 ** 29;

/** Graph of a generator for one tile: input `x` `[1, z, y, x, 1]`, output `y`, smaller by the margins. */
export function tileGraph(generator: GeneratorOptions, scope: string, inputSize: Zyx): Graph {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, ...inputSize, 1]);
  const graph = new NetworkGraph(builder);
  builder.output("y", appendGenerator(new LayerScope(graph, scope), x, generator));
  return builder.build();
}

/** Voxels that a generator takes away on each side. */
export function marginOf({ depth }: Pick<GeneratorOptions, "depth">): number {
  return BLOCK_CLIP * depth / 2;
}

/** Size of what comes out. */
export function transferredSize(source: Volume, margin: number, pad: "none" | "reflect"): Zyx {
  const size = spatialSize(source);
  const least = pad === "none" ? 2 * margin + 1 : margin + 1;
  const axis = size.findIndex((n) => n < least);
  if (axis >= 0) {
    throw new RangeError(
      `Cannot transfer "${source.spec}": each axis must have ${least} voxels or more for this generator, current ${
        "zyx"[axis]
      } is ${size[axis]}`,
    );
  }
  return pad === "none" ? mapZyx((n) => n - 2 * margin, size) : size;
}

/** Opens the view; disposing it leaves source and backend alone. */
export async function openGeneratorVolume(
  source: Volume,
  backend: Backend,
  options: TransferOptions,
): Promise<Volume> {
  const margin = marginOf(options.generator);
  const size = transferredSize(source, margin, options.pad);
  // Statistics shall be those of the volume, without what is spilt.
  const isNormed = options.generator.norm !== "none";
  const [grid, spill] = isNormed ? [1, 0] : [GRID, SPILL];
  const tile = mapZyx(
    (n, all) => Math.min(Math.ceil(n / grid), Math.ceil(all / grid)) * grid,
    options.tileSize,
    size,
  );
  const inputSize = mapZyx((n) => n + spill + 2 * margin, tile);
  const graph = tileGraph(options.generator, options.scope, inputSize);
  const tensors: Record<string, Tensor> = {};
  for (const [name, { shape }] of [...graph.inputs, ...graph.parameters, ...graph.outputs]) {
    tensors[name] = backend.allocate(shape, "float32", name);
    const variable = options.variables.get(name);
    if (variable) backend.write(tensors[name], variable.data);
  }
  const program = await backend.compile(graph);
  return new GeneratorVolume({
    ...{ source, backend, options, margin, size, tile, spill, tensors, program },
  });
}

class GeneratorVolume implements Volume {
  readonly spec: string;
  readonly shape: Zyx;
  readonly dtype: "float32" | "uint8";
  readonly voxelSizeNm?: Zyx;
  readonly offset?: Zyx;
  readonly #source: Volume;
  readonly #backend: Backend;
  readonly #options: TransferOptions;
  readonly #tile: Zyx;
  readonly #spill: number;
  /** From a voxel of the result to the first one of the source that it depends on. */
  readonly #reach: number;
  readonly #margin: number;
  readonly #tensors: Record<string, Tensor>;
  readonly #program: Program;
  /** The newest last. */
  readonly #tiles = new Map<string, Float32Array>();

  constructor(parts: {
    source: Volume;
    backend: Backend;
    options: TransferOptions;
    margin: number;
    size: Zyx;
    tile: Zyx;
    spill: number;
    tensors: Record<string, Tensor>;
    program: Program;
  }) {
    const { source, options, margin } = parts;
    const isSmaller = options.pad === "none";
    this.spec = source.spec;
    this.shape = parts.size;
    this.dtype = options.dtype;
    this.voxelSizeNm = source.voxelSizeNm;
    this.offset = isSmaller
      ? addZyx(source.offset ?? [0, 0, 0], [margin, margin, margin])
      : source.offset;
    this.#source = source;
    this.#backend = parts.backend;
    this.#options = options;
    this.#tile = parts.tile;
    this.#spill = parts.spill;
    this.#margin = margin;
    this.#reach = isSmaller ? 0 : -margin;
    this.#tensors = parts.tensors;
    this.#program = parts.program;
  }

  async read(box: Box): Promise<Float32Array | Uint8Array> {
    const values = new Float32Array(volumeOf(box.size));
    const end = addZyx(box.start, box.size);
    const grid = this.#spill + 1;
    const first = mapZyx((n) => Math.floor(n / grid) * grid, box.start);
    for (let z = first[0]; z < end[0]; z += this.#tile[0]) {
      for (let y = first[1]; y < end[1]; y += this.#tile[1]) {
        for (let x = first[2]; x < end[2]; x += this.#tile[2]) {
          const start: Zyx = [z, y, x];
          const tile = await this.#tileAt(start);
          copyInto(values, box, tile, { start, size: this.#tile }, this.#spill);
        }
      }
    }
    if (this.dtype === "float32") return values;
    return Uint8Array.from(
      values,
      (v) => Math.min(Math.max(Math.round(v * 127.5 + 127.5), 0), 255),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#program.dispose();
    for (const tensor of Object.values(this.#tensors)) tensor.dispose();
    return Promise.resolve();
  }

  /** The result from `start` on, of the size of a tile; beyond the volume it means nothing. */
  async #tileAt(start: Zyx): Promise<Float32Array> {
    const key = start.join();
    const kept = this.#tiles.get(key) ?? await this.#compute(start);
    this.#tiles.delete(key);
    this.#tiles.set(key, kept);
    if (this.#tiles.size > Math.max(1, KEPT_BYTES / kept.byteLength)) {
      this.#tiles.delete(this.#tiles.keys().next().value!);
    }
    return kept;
  }

  async #compute(start: Zyx): Promise<Float32Array> {
    const size = mapZyx((n) => n + this.#spill + 2 * this.#margin, this.#tile);
    const input = await this.#readSource(mapZyx((n) => n + this.#reach, start), size);
    const { x, y } = this.#tensors;
    this.#backend.write(x, input);
    this.#backend.run(this.#program, this.#tensors);
    return await this.#backend.read<Float32Array>(y);
  }

  /** A box of the source that may leave it: there it is mirrored. */
  async #readSource(start: Zyx, size: Zyx): Promise<Float32Array> {
    const extents = spatialSize(this.#source);
    const places = [0, 1, 2].map((axis) =>
      Array.from({ length: size[axis] }, (_, i) => mirrored(start[axis] + i, extents[axis]))
    );
    const [low, high] = [Math.min, Math.max].map((pick): Zyx => [
      ...places.map((list) => list.reduce((a, b) => pick(a, b))) as [number, number, number],
    ]);
    const read: Box = { start: low, size: mapZyx((a, b) => b - a + 1, low, high) };
    const data = this.#options.toInput(await this.#source.read(read));
    const result = new Float32Array(volumeOf(size));
    let at = 0;
    for (const z of places[0]) {
      for (const y of places[1]) {
        const row = ((z - low[0]) * read.size[1] + y - low[1]) * read.size[2] - low[2];
        for (const x of places[2]) result[at++] = data[row + x];
      }
    }
    return result;
  }
}

/** Index in 0 … extent - 1 of a place beyond the faces, where the volume is mirrored in its outermost voxels. */
function mirrored(place: number, extent: number): number {
  if (extent === 1) return 0;
  const period = 2 * (extent - 1);
  const i = ((place % period) + period) % period;
  return i < extent ? i : period - i;
}

/** Copies what two boxes share; `from` is `[z, y, x]` of the size of `fromBox` and what is spilt. */
function copyInto(
  to: Float32Array,
  toBox: Box,
  from: Float32Array,
  fromBox: Box,
  spill: number,
): void {
  const start = maxZyx(toBox.start, fromBox.start);
  const end = minZyx(addZyx(toBox.start, toBox.size), addZyx(fromBox.start, fromBox.size));
  const row = ({ start: [z0, y0, x0], size }: Box, spill: number, z: number, y: number) =>
    ((z - z0) * (size[1] + spill) + y - y0) * (size[2] + spill) + start[2] - x0;
  for (let z = start[0]; z < end[0]; z++) {
    for (let y = start[1]; y < end[1]; y++) {
      const source = row(fromBox, spill, z, y);
      to.set(from.subarray(source, source + end[2] - start[2]), row(toBox, 0, z, y));
    }
  }
}
