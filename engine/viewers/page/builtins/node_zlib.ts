/** What of `node:zlib` reading volumes needs, with the means of a browser; `import_map.json` puts it there. */
import zstd from "npm:numcodecs@0.3.2/zstd";
import { UnsupportedError } from "../../../errors/errors.ts";

type Done = (error: Error | null, unpacked?: Uint8Array) => void;

/** A function of `node:zlib` that unpacks to at most `maxOutputLength` bytes. */
function unpacker(unpack: (packed: Uint8Array<ArrayBuffer>, most: number) => Promise<Uint8Array>) {
  return (packed: Uint8Array, { maxOutputLength }: { maxOutputLength: number }, done: Done): void =>
    void unpack(Uint8Array.from(packed), maxOutputLength)
      .then((unpacked) => done(null, unpacked), (error) => done(error));
}

/** One member only, unlike `node:zlib`: browsers take more for damage. */
function unpackStream(format: CompressionFormat) {
  return unpacker(async (packed, most) => {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    const reader = new Blob([packed]).stream()
      .pipeThrough(new DecompressionStream(format)).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      length += next.value.length;
      checkLength(length, most);
      parts.push(next.value);
    }
    return await new Blob(parts).bytes();
  });
}

function checkLength(length: number, most: number): void {
  if (length > most) throw new RangeError(`it unpacks to more than ${most} bytes`);
}

export const gunzip = unpackStream("gzip");
export const inflate = unpackStream("deflate");
export const zstdDecompress = unpacker(async (packed, most) => {
  const unpacked = await zstd.fromConfig({ id: "zstd" }).decode(packed);
  checkLength(unpacked.length, most);
  return unpacked;
});

function refuse(): never {
  throw new UnsupportedError("Cannot write a volume, or read sections, in a page");
}
export {
  refuse as crc32,
  refuse as deflate,
  refuse as gzip,
  refuse as gzipSync,
  refuse as inflateSync,
  refuse as zstdCompress,
};
/** Nothing is packed. */
export const constants = {};
