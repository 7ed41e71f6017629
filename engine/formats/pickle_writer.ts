/**
 * Writes pickles of protocol 3 without a memo, in the subset that every NumPy from 1.16 on loads. Their bytes depend on
 * the values only.
 */
import type { NdArray } from "./nd_array.ts";
import { elementBytes, elementTypeString } from "./npy_elements.ts";

/** Appends opcodes to a growing buffer. */
export class PickleWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** What has been written, in a buffer of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Opcodes, or operands of one byte. */
  opcodes(...codes: number[]): this {
    const at = this.#extend(codes.length);
    for (let i = 0; i < codes.length; i++) this.#bytes[at + i] = codes[i];
    return this;
  }

  global(module: string, name: string): this {
    return this.opcodes(0x63 /* GLOBAL */).#raw(ascii(`${module}\n${name}\n`));
  }

  /** A short ASCII `str`. */
  text(text: string): this {
    return this.opcodes(0x58, /* BINUNICODE */ text.length, 0, 0, 0).#raw(ascii(text));
  }

  bytes(bytes: Uint8Array): this {
    if (bytes.length < 256) {
      return this.opcodes(0x43, /* SHORT_BINBYTES */ bytes.length).#raw(bytes);
    }
    return this.opcodes(0x42 /* BINBYTES */).#uint32(bytes.length).#raw(bytes);
  }

  float(value: number): this {
    const operand = new Uint8Array(8);
    new DataView(operand.buffer).setFloat64(0, value);
    return this.opcodes(0x47 /* BINFLOAT, big-endian */).#raw(operand);
  }

  /** An integer in its shortest form. */
  integer(value: number): this {
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(`Cannot pickle an integer: it must be exact, current ${value}`);
    }
    if (value >= 0 && value < 0x100) return this.opcodes(0x4b, /* BININT1 */ value);
    if (value >= 0 && value < 0x10000) {
      return this.opcodes(0x4d, /* BININT2 */ value & 0xff, value >> 8);
    }
    if (value === (value | 0)) return this.opcodes(0x4a /* BININT */).#uint32(value);
    const long: number[] = [];
    let rest = BigInt(value);
    // Two's complement ends where the remaining bits only repeat the sign.
    do {
      long.push(Number(rest & 0xffn));
      rest >>= 8n;
    } while (rest !== (long.at(-1)! >= 0x80 ? -1n : 0n));
    return this.opcodes(0x8a, /* LONG1 */ long.length, ...long);
  }

  /** A NumPy array of plain elements. */
  array(array: NdArray): this {
    const [order, ...code] = elementTypeString(array.dtype);
    this.#arrayShell().opcodes(0x28 /* MARK */).integer(1).opcodes(0x28);
    for (const extent of array.shape) this.integer(extent);
    this.opcodes(0x74 /* TUPLE */).#dtype(code.join(""), order, 0);
    return this.opcodes(0x89 /* NEWFALSE */).bytes(elementBytes(array)).opcodes(
      0x74,
      0x62, /* BUILD */
    );
  }

  /** A NumPy array of shape () whose only element is the object that `value` writes. */
  objectScalar(value: (writer: this) => void): this {
    this.#arrayShell().opcodes(0x28).integer(1).opcodes(0x29 /* EMPTY_TUPLE */).#dtype(
      "O8",
      "|",
      63,
    );
    this.opcodes(0x89, 0x5d /* EMPTY_LIST */);
    value(this);
    return this.opcodes(0x61, /* APPEND */ 0x74, 0x62);
  }

  /** `_reconstruct(ndarray, (0,), b"b")`: an empty array, to be given its state. */
  #arrayShell(): this {
    return this.global("numpy.core.multiarray", "_reconstruct").global("numpy", "ndarray")
      .integer(0).opcodes(0x85 /* TUPLE1 */).bytes(ascii("b")).opcodes(0x87, /* TUPLE3 */ 0x52);
  }

  /** `dtype(code, False, True)` and its state; `flags` are NumPy's own (63: contains object references). */
  #dtype(code: string, order: string, flags: number): this {
    this.global("numpy", "dtype").text(code).integer(0).integer(1).opcodes(0x87, 0x52 /* REDUCE */);
    this.opcodes(0x28).integer(3).text(order).opcodes(0x4e, 0x4e, 0x4e /* NONE */);
    return this.integer(-1).integer(-1).integer(flags).opcodes(0x74, 0x62);
  }

  #uint32(value: number): this {
    return this.opcodes(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
  }

  #raw(bytes: Uint8Array): this {
    const at = this.#extend(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Makes room for `count` bytes and returns where they go. */
  #extend(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }
}

/** The pickle of an object scalar, which is what `.npy` stores for `np.array(value, dtype=object)`. */
export function pickleObjectScalar(value: (writer: PickleWriter) => void): Uint8Array {
  const writer = new PickleWriter().opcodes(0x80, /* PROTO */ 3).objectScalar(value);
  return writer.opcodes(0x2e /* STOP */).finish();
}

const ASCII = new Map<string, Uint8Array>();

/** Bytes of a name; the same few come again with every entry. */
function ascii(text: string): Uint8Array {
  let bytes = ASCII.get(text);
  if (!bytes) ASCII.set(text, bytes = new TextEncoder().encode(text));
  return bytes;
}
