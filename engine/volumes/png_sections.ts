import type { TypedArray } from "../formats/nd_array.ts";
import { decodePng, parsePngHeader, PNG_HEADER_BYTES, type PngHeader } from "../formats/png.ts";
import type { SectionFormat, SectionHeader } from "./section_stack.ts";

const SAMPLES = { "grey": 1, "grey+alpha": 2, "rgb": 3, "palette": 3, "rgb+alpha": 4 };

/** Sections in PNG files, 8- or 16-bit. */
export const PNG_SECTIONS: SectionFormat = {
  name: ".png",
  extension: /\.png$/i,
  header: async (path) => sectionHeader(await headerOf(path)),
  async read(path, sample, check) {
    const bytes = await Deno.readFile(path);
    check(sectionHeader(parsePngHeader(bytes, path)));
    return pick(decodePng(bytes, path), sample);
  },
};

function sectionHeader({ width, height, color, bitDepth }: PngHeader): SectionHeader {
  return {
    width,
    height,
    samples: SAMPLES[color],
    dtype: bitDepth === 16 ? "uint16" : "uint8",
    isPlain: color === "grey" && bitDepth >= 8,
    kind: `${color} with ${bitDepth} bits`,
  };
}

async function headerOf(path: string): Promise<PngHeader> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(PNG_HEADER_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return parsePngHeader(bytes.subarray(0, length), path);
}

/** One sample of each pixel, `[y, x]`. */
function pick({ data, channels }: ReturnType<typeof decodePng>, channel: number): TypedArray {
  if (channels === 1) return data;
  const out = new (data.constructor as Uint8ArrayConstructor)(data.length / channels);
  for (let i = 0; i < out.length; i++) out[i] = data[i * channels + channel];
  return out;
}
