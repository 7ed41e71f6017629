/**
 * Random access to bytes that may be too many for memory. Formats read through this and never open files themselves;
 * `engine/volumes/file_source.ts` implements it over a file.
 */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Reads `[offset, offset + length)`; the caller asks only for ranges inside the source. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A source over bytes in memory (not copied) or over a `Blob`. */
export function byteSource(bytes: Uint8Array | Blob): ByteSource {
  if (bytes instanceof Uint8Array) {
    return {
      sizeBytes: bytes.length,
      read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
    };
  }
  return {
    sizeBytes: bytes.size,
    async read(offset, length) {
      return new Uint8Array(await bytes.slice(offset, offset + length).arrayBuffer());
    },
  };
}
