import type { TypedArray } from "../formats/nd_array.ts";
import { openTiff, type TiffHeader } from "../formats/tiff.ts";
import { openFileSource } from "./file_source.ts";
import type { SectionFormat, SectionHeader } from "./section_stack.ts";

/** Sections in TIFF files, the first image of each. */
export const TIFF_SECTIONS: SectionFormat = {
  name: ".tif",
  extension: /\.tiff?$/i,
  async header(path) {
    await using source = await openFileSource(path);
    return tiffSection(await (await openTiff(source, path)).header(0));
  },
  async read(path, sample, check) {
    await using source = await openFileSource(path);
    const file = await openTiff(source, path);
    const header = await file.header(0);
    check(tiffSection(header));
    const { width, height } = header;
    return await file.read(0, { x: 0, y: 0, width, height }, sample) as TypedArray;
  },
};

/** What a stack needs to know of an image. */
export function tiffSection({ width, height, samples, dtype }: TiffHeader): SectionHeader {
  const color = samples === 1 ? "grey" : `${samples} samples`;
  return { width, height, samples, dtype, isPlain: samples === 1, kind: `${color} of ${dtype}` };
}
