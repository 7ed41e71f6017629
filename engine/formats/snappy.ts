import { FormatError } from "../errors/errors.ts";

/** The densest element makes 64 bytes of 3, so a block that claims more is damaged or an attack. */
const MAX_RATIO = 22;

/**
 * Decompresses a block in Snappy's raw format: varint length, then literals and copies of earlier output. `path` is for
 * messages.
 */
export function decodeSnappy(bytes: Uint8Array, path: string): Uint8Array {
  let at = 0;
  const bad = (what: string) =>
    new FormatError(`Cannot read "${path}": ${what} in a Snappy block`, { path });
  const next = (): number => {
    if (at >= bytes.length) throw bad("truncated data");
    return bytes[at++];
  };
  const littleEndian = (widthBytes: number): number => {
    let value = 0;
    for (let i = 0; i < widthBytes; i++) value += next() * 2 ** (8 * i);
    return value;
  };

  let length = 0;
  for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
    byte = next();
    length += (byte & 0x7f) * 2 ** shift;
    if (shift > 28) throw bad("an endless length");
  }
  if (length > MAX_RATIO * bytes.length) throw bad(`impossible length ${length}`);

  const out = new Uint8Array(length);
  let filled = 0;
  while (at < bytes.length) {
    const tag = next();
    const kind = tag & 3;
    if (kind === 0) {
      // A literal: its length - 1 is in the tag, or for 60..63 in the next 1..4 bytes.
      const short = tag >> 2;
      const count = (short < 60 ? short : littleEndian(short - 59)) + 1;
      if (count > bytes.length - at || count > length - filled) throw bad("an overlong literal");
      out.set(bytes.subarray(at, at + count), filled);
      at += count;
      filled += count;
      continue;
    }
    const count = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = kind === 1 ? ((tag >> 5) << 8) | next() : littleEndian(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > filled || count > length - filled) throw bad("a bad copy");
    // Byte by byte, since a copy may overlap its own output to repeat a pattern.
    for (const end = filled + count; filled < end; filled++) out[filled] = out[filled - offset];
  }
  if (filled !== length) throw bad(`${filled} bytes instead of ${length}`);
  return out;
}
