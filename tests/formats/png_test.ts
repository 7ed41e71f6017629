import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import { decodePng, encodePng, parsePngHeader } from "../../engine/formats/png.ts";
import { checkMutations } from "../support/mutations.ts";

const FIXTURES = new URL("../fixtures/volumes", import.meta.url).pathname;

Deno.test("decodePng() gives the pixels of 8 and 16 bits, colours and palettes", () => {
  const read = (name: string) => decodePng(Deno.readFileSync(`${FIXTURES}/${name}`), name);
  const grey = read("png8/s1.png");
  deepStrictEqual([grey.width, grey.height, grey.channels], [12, 10, 1]);
  deepStrictEqual([...grey.data.subarray(0, 3), grey.data[12]], [31, 34, 37, 36]);
  const deep = read("png16/iso.001.png");
  ok(deep.data instanceof Uint16Array);
  deepStrictEqual([...deep.data.subarray(0, 2)], [31 * 256, 34 * 256]);
  const colour = read("png_rgb/1.png");
  deepStrictEqual([colour.channels, ...colour.data.subarray(0, 6)], [3, 31, 224, 15, 34, 221, 17]);
  const palette = read("png_palette/0.png");
  strictEqual(palette.channels, 3);
  strictEqual(palette.data.length, 3 * 120);
});

Deno.test("encodePng() and decodePng() are inverse", () => {
  for (const channels of [1, 2, 3, 4] as const) {
    for (const type of [Uint8Array, Uint16Array]) {
      const data = Uint16Array.from({ length: 5 * 7 * channels }, (_, i) => (i * 2579) % 65521);
      const image = { width: 5, height: 7, channels, data: type.from(data) };
      deepStrictEqual(decodePng(encodePng(image), "a.png"), image);
    }
  }
  const short = { width: 2, height: 2, channels: 1 as const, data: new Uint8Array(3) };
  throws(() => encodePng(short), {
    name: "RangeError",
    message: "Cannot encode a PNG of 2 × 2 × 1: it needs 4 samples, current 3",
  });
});

/** A file with a header of its own and any pixel data. */
function pngOf(header: number[], pixels: Uint8Array): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const body = [...new TextEncoder().encode(type), ...data];
    const word = (n: number) => [n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255];
    return [...word(data.length), ...body, ...word(crc32(Uint8Array.from(body)))];
  };
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  return Uint8Array.from([
    ...signature,
    ...chunk("IHDR", Uint8Array.from(header)),
    ...chunk("IDAT", pixels),
    ...chunk("IEND", new Uint8Array(0)),
  ]);
}

/** 2 × 2 pixels of `bits` and a colour type. */
const header = (bits: number, color: number, interlace = 0) => [
  ...[0, 0, 0, 2, 0, 0, 0, 2],
  ...[bits, color, 0, 0, interlace],
];

Deno.test("decodePng() refuses other kinds and wrong amounts of pixels", () => {
  const packed = (length: number) => new Uint8Array(deflateSync(new Uint8Array(length)));
  strictEqual(decodePng(pngOf(header(8, 0), packed(6)), "a").data.length, 4);
  const cases: [Uint8Array, string][] = [
    [pngOf(header(8, 0), packed(5)), "its pixels unpack to 5 bytes, expected 6"],
    [pngOf(header(8, 0), packed(7)), "its pixels unpack to 7 bytes, expected 6"],
    // Ten megabytes in ten kilobytes: unpacking stops at once.
    [pngOf(header(8, 0), packed(10_000_000)), "its pixels cannot be unpacked"],
    [pngOf(header(8, 0), packed(6).subarray(0, 4)), "its pixels cannot be unpacked"],
    [pngOf(header(8, 9), packed(6)), "its header names no known kind of image (8,9,0,0,0)"],
    [pngOf(header(4, 2), packed(6)), "its header names no known kind of image (4,2,0,0,0)"],
    [
      pngOf([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0, 0], packed(6)),
      "its size of 4294967295 × 4294967295 is out of range",
    ],
    [pngOf(header(8, 0), packed(6)).subarray(0, 50), "it is truncated"],
    [new Uint8Array(40), "it does not start as a PNG file does"],
  ];
  for (const [bytes, problem] of cases) {
    throws(() => decodePng(bytes, "a.png"), (error: Error) => {
      strictEqual(error.name, "FormatError");
      ok(error.message.startsWith(`Cannot read "a.png": ${problem}`), error.message);
      return true;
    });
  }
  for (const bytes of [pngOf(header(1, 0), packed(4)), pngOf(header(8, 0, 1), packed(6))]) {
    throws(() => decodePng(bytes, "a.png"), { name: "UnsupportedError" });
  }
});

Deno.test("parsePngHeader() reads size and kind without the pixels", () => {
  const bytes = Deno.readFileSync(`${FIXTURES}/png_bits/0.png`).subarray(0, 33);
  deepStrictEqual(parsePngHeader(bytes, "a"), {
    ...{ width: 12, height: 10, bitDepth: 1, color: "grey", isInterlaced: false },
  });
});

Deno.test("decodePng() refuses every one of 200 damaged copies or reads the same pixels", async () => {
  for (const name of ["png8/s3.png", "png16/iso.000.png", "png_rgb/0.png", "png_palette/0.png"]) {
    const bytes = await Deno.readFile(`${FIXTURES}/${name}`);
    const counts = await checkMutations(bytes, (damaged) => decodePng(damaged, "a.png"));
    ok(counts.refused > 150, `${name}: ${JSON.stringify(counts)}`);
  }
});
