/**
 * Packing of Zarr chunks. The codecs of zarrita unpack without a limit, and its gzip neither packs nor reads a second
 * member; these replace them in its registry.
 */
import { promisify } from "node:util";
import { deflate, gunzip, gzip, inflate, zstdCompress, zstdDecompress } from "node:zlib";
import { constants } from "node:zlib";
import blosc from "npm:numcodecs@0.3.2/blosc";
import lz4 from "npm:numcodecs@0.3.2/lz4";
import { registry } from "npm:zarrita@0.7.5";
import { type DType, elementCount, itemSize } from "./nd_array.ts";

interface ChunkMeta {
  readonly dataType: string;
  readonly shape: readonly number[];
}

interface Codec {
  readonly kind: "bytes_to_bytes";
  encode(bytes: Uint8Array): Promise<Uint8Array>;
  decode(bytes: Uint8Array): Promise<Uint8Array>;
}

type Configuration = { readonly [key: string]: unknown };

/** Checksums and the like that may stand inside the packing. */
const EXTRA_BYTES = 64;

function mostBytes({ dataType, shape }: ChunkMeta): number {
  return elementCount(shape) * itemSize(dataType as DType) + EXTRA_BYTES;
}

type Transform = (bytes: Uint8Array, options: Record<string, unknown>) => Promise<Uint8Array>;

/** A codec of `node:zlib`, which takes a limit. */
function zlibCodec(
  pack: Transform,
  unpack: Transform,
  packOptions: (configuration: Configuration) => Record<string, unknown>,
) {
  return {
    fromConfig(configuration: Configuration = {}, meta: ChunkMeta): Codec {
      const maxOutputLength = mostBytes(meta);
      return {
        kind: "bytes_to_bytes",
        encode: (bytes) => pack(bytes, packOptions(configuration)),
        // A copy, because elements must stand at multiples of their size and node shares buffers.
        decode: async (bytes) => Uint8Array.from(await unpack(bytes, { maxOutputLength })),
      };
    },
  };
}

/** A codec of numcodecs, which allocates what the first bytes of a chunk say: that is checked before. */
function checkedCodec(
  library: {
    // deno-lint-ignore no-explicit-any -- each codec has its own type of configuration
    fromConfig(configuration: any): {
      encode(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
      decode(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
    };
  },
  sizeAt: number,
) {
  return {
    fromConfig(configuration: Configuration = {}, meta: ChunkMeta): Codec {
      const codec = library.fromConfig(configuration);
      return {
        kind: "bytes_to_bytes",
        encode: async (bytes) => await codec.encode(bytes),
        async decode(bytes) {
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          const size = bytes.length >= sizeAt + 4 ? view.getUint32(sizeAt, true) : Infinity;
          if (size > mostBytes(meta)) {
            throw new RangeError(`unpacks to ${size} bytes, more than a chunk has`);
          }
          return await codec.decode(bytes);
        },
      };
    },
  };
}

const level = ({ level = 5 }: Configuration) => ({ level });
const zstdLevel = ({ level = 3 }: Configuration) => ({
  params: { [constants.ZSTD_c_compressionLevel]: level },
});

const CODECS = {
  gzip: zlibCodec(promisify(gzip) as Transform, promisify(gunzip) as Transform, level),
  zlib: zlibCodec(promisify(deflate) as Transform, promisify(inflate) as Transform, level),
  zstd: zlibCodec(
    promisify(zstdCompress) as Transform,
    promisify(zstdDecompress) as Transform,
    zstdLevel,
  ),
  // The unpacked size stands at byte 4 of a blosc chunk, and at the start of numcodecs' LZ4.
  blosc: checkedCodec(blosc, 4),
  lz4: checkedCodec(lz4, 0),
};

/** Puts the codecs into zarrita's registry; more than once does no harm. */
export function registerZarrCodecs(): void {
  for (const [name, codec] of Object.entries(CODECS)) {
    registry.set(name, () => codec as never);
    registry.set(`numcodecs.${name}`, () => codec as never);
  }
}
