/** A volume seen through an encoder, a map of its features, and a decoder: what is read of it is computed, tile by tile. */
import type { Backend, Program, Tensor } from "../backends/backend.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { type Box, intersect } from "../geometry/box.ts";
import { addZyx, mapZyx, minZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { LayerScope, NetworkGraph } from "../models/secgan/layers.ts";
import {
  appendEncoder,
  appendStyleDecoder,
  codeChannels,
  DECODER_SCOPE,
  reachOf,
  type StyleDecoder,
  type StyleEncoder,
} from "../models/secgan/style_networks.ts";
import { type Graph, GraphBuilder } from "../ops/graph.ts";
import { spatialSize, type Volume } from "../volumes/volume.ts";

/** What a volume goes through. */
export interface StyleOptions {
  readonly encoder: StyleEncoder;
  readonly decoder: StyleDecoder;
  /** Of both, by name. */
  readonly variables: ReadonlyMap<string, NdArray>;
  /** Voxels that are computed at once; the surroundings that they need are added. */
  readonly tileSize: Zyx;
  /** Values of the volume as the encoder shall see them, `[z, y, x]`. */
  toInput(data: ArrayLike<number | bigint>): Float32Array;
}

/** What is read of the result. */
export interface StyledOutput {
  readonly dtype: "float32" | "uint8";
  /** Changes features `[z, y, x, channel]` in place. */
  transfer(features: Float32Array): void;
  /** Decoded values as they shall be written. */
  toOutput(decoded: Float32Array): Float32Array | Uint8Array;
}

/** Of tiles that are kept for the next boxes: writers of sections ask for a few planes at a time. */
const KEPT_BYTES = 2 ** 29;

/** Voxels around a tile that what is computed for it depends on. */
function haloOf(decoder: StyleDecoder): number {
  return 2 * reachOf(decoder);
}

/** Voxels that are computed for a tile: with its surroundings, as far as the volume has them. */
export function computedSize(extent: Zyx, tileSize: Zyx, decoder: StyleDecoder): Zyx {
  return mapZyx((all, n) => Math.min(all, n + 2 * haloOf(decoder)), extent, tileSize);
}

/** Graphs for boxes of one size: `image` and `seed` to `code`, and `code` to `decoded`. */
export function styleGraphs(
  { encoder, decoder }: Pick<StyleOptions, "encoder" | "decoder">,
  size: Zyx,
): { readonly encode: Graph; readonly decode: Graph } {
  const encode = new GraphBuilder();
  const scope = new LayerScope(new NetworkGraph(encode), encoder.scope);
  const [image, seed] = ["image", "seed"].map((name) => encode.input(name, [1, ...size, 1]));
  encode.output("code", appendEncoder(scope, image, seed, encoder));
  const decode = new GraphBuilder();
  const code = decode.input("code", [1, ...size, codeChannels(encoder)]);
  const decoding = new LayerScope(new NetworkGraph(decode), DECODER_SCOPE);
  decode.output("decoded", appendStyleDecoder(decoding, code, decoder));
  return { encode: encode.build(), decode: decode.build() };
}

/**
 * Encoder and decoder over one volume. All layers have zero padding, so that what the faces of the volume do to a voxel is
 * kept: a tile is computed with surroundings that end at a face or too far away to matter, which gives what the whole
 * volume in one piece would.
 */
export class StyledVolume implements AsyncDisposable {
  /** Voxels zyx. */
  readonly size: Zyx;
  readonly #source: Volume;
  readonly #backend: Backend;
  readonly #options: StyleOptions;
  readonly #computed: Zyx;
  readonly #tensors: Readonly<Record<string, Tensor>>;
  readonly #encode: Program;
  readonly #decode: Program;

  private constructor(parts: {
    source: Volume;
    backend: Backend;
    options: StyleOptions;
    computed: Zyx;
    tensors: Readonly<Record<string, Tensor>>;
    encode: Program;
    decode: Program;
  }) {
    this.size = spatialSize(parts.source);
    this.#source = parts.source;
    this.#backend = parts.backend;
    this.#options = parts.options;
    this.#computed = parts.computed;
    this.#tensors = parts.tensors;
    this.#encode = parts.encode;
    this.#decode = parts.decode;
  }

  /** Compiles both networks; disposing leaves source and backend alone. */
  static async open(
    source: Volume,
    backend: Backend,
    options: StyleOptions,
  ): Promise<StyledVolume> {
    const computed = computedSize(spatialSize(source), options.tileSize, options.decoder);
    const graphs = styleGraphs(options, computed);
    const tensors: Record<string, Tensor> = {};
    for (const { inputs, parameters, outputs } of [graphs.encode, graphs.decode]) {
      for (const [name, { shape }] of [...inputs, ...parameters, ...outputs]) {
        if (tensors[name]) continue;
        tensors[name] = backend.allocate(shape, "float32", name);
        const variable = options.variables.get(name);
        if (variable) backend.write(tensors[name], variable.data);
      }
    }
    const encode = await backend.compile(graphs.encode);
    const decode = await backend.compile(graphs.decode);
    return new StyledVolume({ source, backend, options, computed, tensors, encode, decode });
  }

  /** Boxes that cover the volume, each computed at once. */
  *tiles(): Generator<Box> {
    const { tileSize } = this.#options;
    for (let z = 0; z < this.size[0]; z += tileSize[0]) {
      for (let y = 0; y < this.size[1]; y += tileSize[1]) {
        for (let x = 0; x < this.size[2]; x += tileSize[2]) yield this.#tileAt([z, y, x]);
      }
    }
  }

  /** Features of a tile, `[z, y, x, channel]`. */
  async features(tile: Box): Promise<Float32Array> {
    const box = this.#boxOf(tile);
    return cropped(await this.#encoded(box), box, tile, codeChannels(this.#options.encoder));
  }

  /** The volume with other features; disposing it does nothing. */
  output({ dtype, transfer, toOutput }: StyledOutput): Volume {
    const { spec, voxelSizeNm, offset } = this.#source;
    const { decoded } = this.#tensors;
    const compute = async (tile: Box): Promise<Float32Array> => {
      const box = this.#boxOf(tile);
      const code = await this.#encoded(box);
      transfer(code);
      this.#backend.write(this.#tensors.code, code);
      this.#backend.run(this.#decode, this.#tensors);
      return cropped(await this.#backend.read<Float32Array>(decoded), box, tile, 1);
    };
    /** The newest last. */
    const kept = new Map<string, Float32Array>();
    const read = async (box: Box) => {
      const values = new Float32Array(volumeOf(box.size));
      for (const tile of this.tiles()) {
        const shared = intersect(tile, box);
        if (!shared) continue;
        const key = tile.start.join();
        const data = kept.get(key) ?? await compute(tile);
        kept.delete(key);
        kept.set(key, data);
        if (kept.size > Math.max(1, KEPT_BYTES / data.byteLength)) {
          kept.delete(kept.keys().next().value!);
        }
        paste(values, box, data, tile, shared);
      }
      return toOutput(values);
    };
    return {
      ...{ spec, shape: this.size, dtype, voxelSizeNm, offset, read },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#encode.dispose();
    this.#decode.dispose();
    for (const tensor of Object.values(this.#tensors)) tensor.dispose();
    return Promise.resolve();
  }

  #tileAt(start: Zyx): Box {
    return { start, size: minZyx(this.#options.tileSize, subZyx(this.size, start)) };
  }

  /** What is computed for a tile; moved inwards where it would leave the volume, so that all are of one size. */
  #boxOf({ start }: Box): Box {
    const halo = haloOf(this.#options.decoder);
    const last = subZyx(this.size, this.#computed);
    return {
      start: mapZyx((n, most) => Math.max(0, Math.min(n - halo, most)), start, last),
      size: this.#computed,
    };
  }

  async #encoded(box: Box): Promise<Float32Array> {
    // The map of the object is one half everywhere: a logit of 0, as tensors begin.
    this.#backend.write(
      this.#tensors.image,
      this.#options.toInput(await this.#source.read(box)),
    );
    this.#backend.run(this.#encode, this.#tensors);
    return await this.#backend.read<Float32Array>(this.#tensors.code);
  }
}

/** The part `tile` of values `[z, y, x, channel]` of a box. */
function cropped(values: Float32Array, box: Box, tile: Box, channels: number): Float32Array {
  const result = new Float32Array(volumeOf(tile.size) * channels);
  const row = tile.size[2] * channels;
  const [z0, y0, x0] = subZyx(tile.start, box.start);
  let at = 0;
  for (let z = z0; z < z0 + tile.size[0]; z++) {
    for (let y = y0; y < y0 + tile.size[1]; y++, at += row) {
      const from = ((z * box.size[1] + y) * box.size[2] + x0) * channels;
      result.set(values.subarray(from, from + row), at);
    }
  }
  return result;
}

/** Copies the box `shared` from one array `[z, y, x]` into another. */
function paste(to: Float32Array, toBox: Box, from: Float32Array, fromBox: Box, shared: Box): void {
  const row = ({ start, size }: Box, z: number, y: number) =>
    ((z - start[0]) * size[1] + y - start[1]) * size[2] + shared.start[2] - start[2];
  const [endZ, endY] = addZyx(shared.start, shared.size);
  for (let z = shared.start[0]; z < endZ; z++) {
    for (let y = shared.start[1]; y < endY; y++) {
      const at = row(fromBox, z, y);
      to.set(from.subarray(at, at + shared.size[2]), row(toBox, z, y));
    }
  }
}
