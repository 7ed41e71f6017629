import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { PickleGrowth } from "./pickle_growth.ts";
import {
  buildState,
  describe,
  malformed,
  narrowed,
  PickledArray,
  PickleGlobal,
  pickleGlobal,
  pickleText,
  type PickleValue,
} from "./pickle_values.ts";

/**
 * Reads a pickle of protocol 2 to 5 by a closed interpreter: it knows the opcodes and globals that segmentation files
 * contain, executes nothing, and returns a finite tree. `path` is for messages.
 *
 * @throws {FormatError} when the bytes are no complete pickle, {@linkcode UnsupportedError} when they hold an opcode or
 * name a global outside the table.
 */
export function parsePickle(bytes: Uint8Array, path: string): PickleValue {
  const machine = new PickleMachine(bytes);
  try {
    return machine.run();
  } catch (error) {
    const at = machine.opcodeOffset;
    if (error instanceof UnsupportedError) {
      throw new UnsupportedError(`${error.message}, in "${path}" at byte ${at}`, { cause: error });
    }
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`Cannot read the pickle of "${path}": ${error.message}, at byte ${at}`, {
      path,
      offset: at,
      cause: error,
    });
  }
}

/** On the stack: the start of a variable number of items. */
const MARK = Symbol("mark");

class PickleMachine {
  /** Where the opcode now being executed starts. */
  opcodeOffset = 0;
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  readonly #growth: PickleGrowth;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#growth = new PickleGrowth(bytes.length);
  }

  run(): PickleValue {
    while (this.#at < this.#bytes.length) {
      this.opcodeOffset = this.#at;
      const opcode = this.#bytes[this.#at++];
      if (opcode === 0x2e /* STOP */) {
        const value = this.#pop();
        if (this.#stack.length > 0) throw malformed("values are left over");
        return value;
      }
      this.#execute(opcode);
    }
    throw malformed("it has no end");
  }

  #execute(opcode: number): void {
    switch (opcode) {
      case 0x80: // PROTO
        return this.#protocol(this.#unsigned(1));
      case 0x95: // FRAME
        return void this.#unsigned(8);
      case 0x28: // MARK
        return void this.#stack.push(MARK);

      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#unsigned(1));
      case 0x4d: // BININT2
        return this.#push(this.#unsigned(2));
      case 0x4a: // BININT
        return this.#push(this.#unsigned(4) | 0);
      case 0x8a: // LONG1
        return this.#push(longInteger(this.#take(this.#unsigned(1))));
      case 0x8b: // LONG4
        return this.#push(longInteger(this.#take(this.#unsigned(4))));
      case 0x47: // BINFLOAT, the only big-endian operand
        this.#take(8);
        return this.#push(this.#view.getFloat64(this.#at - 8));

      case 0x55: // SHORT_BINSTRING
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#take(this.#unsigned(1)));
      case 0x54: // BINSTRING
      case 0x42: // BINBYTES
        return this.#push(this.#take(this.#unsigned(4)));
      case 0x8e: // BINBYTES8
        return this.#push(this.#take(this.#unsigned(8)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(utf8(this.#take(this.#unsigned(1))));
      case 0x58: // BINUNICODE
        return this.#push(utf8(this.#take(this.#unsigned(4))));
      case 0x8d: // BINUNICODE8
        return this.#push(utf8(this.#take(this.#unsigned(8))));

      case 0x71: // BINPUT
        return this.#remember(this.#unsigned(1));
      case 0x72: // LONG_BINPUT
        return this.#remember(this.#unsigned(4));
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(this.#unsigned(1));
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#unsigned(4));

      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
        return this.#push([]);
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x8f: // EMPTY_SET
        return this.#push(new Set());
      case 0x85: // TUPLE1
        return this.#pushTuple([this.#pop()]);
      case 0x86: // TUPLE2
        return this.#pushTuple([this.#pop(), this.#pop()].reverse());
      case 0x87: // TUPLE3
        return this.#pushTuple([this.#pop(), this.#pop(), this.#pop()].reverse());
      case 0x74: // TUPLE
        return this.#pushTuple(this.#popToMark());
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#popToMark());
      case 0x90: // ADDITEMS
        return this.#addItems(this.#popToMark());
      case 0x73: // SETITEM
        return this.#setItems([this.#pop(), this.#pop()].reverse());
      case 0x75: // SETITEMS
        return this.#setItems(this.#popToMark());

      case 0x63: // GLOBAL
        return this.#push(pickleGlobal(this.#line(), this.#line()));
      case 0x93: { // STACK_GLOBAL
        const name = pickleText(this.#pop());
        return this.#push(pickleGlobal(pickleText(this.#pop()), name));
      }
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        return this.#call(this.#pop(), this.#pop());
      case 0x62: // BUILD
        return this.#build(this.#pop());
    }
    throw new UnsupportedError(
      `Cannot read a pickle: opcode 0x${
        opcode.toString(16)
      } is not one of those that segmentation files contain`,
    );
  }

  // Operands.

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw malformed("it is truncated");
    return this.#bytes.subarray(this.#at, this.#at += length);
  }

  /** A little-endian operand; lengths beyond 2^53 lose digits, but exceed any file. */
  #unsigned(widthBytes: 1 | 2 | 4 | 8): number {
    const at = this.#at;
    this.#take(widthBytes);
    if (widthBytes === 8) return Number(this.#view.getBigUint64(at, true));
    if (widthBytes === 4) return this.#view.getUint32(at, true);
    return widthBytes === 2 ? this.#view.getUint16(at, true) : this.#bytes[at];
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > 255) throw malformed("a name does not end");
    return utf8(this.#take(end + 1 - this.#at).subarray(0, -1));
  }

  #protocol(version: number): void {
    if (version >= 2 && version <= 5) return;
    throw malformed(`its protocol must be 2 to 5, current ${version}`);
  }

  // Stack and memo.

  #push(value: PickleValue): void {
    this.#growth.spend(1);
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw malformed("its stack has too few values");
    return value;
  }

  #top(): PickleValue {
    const value = this.#pop();
    this.#stack.push(value);
    return value;
  }

  #popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw malformed("its stack has no mark");
    const items = this.#stack.splice(mark);
    items.shift();
    return items as PickleValue[];
  }

  #remember(index: number): void {
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw malformed(`its memo has no entry ${index}`);
    this.#push(value);
  }

  // Containers and objects.

  #pushTuple(items: PickleValue[]): void {
    this.#growth.enclose(items, items);
    this.#push(items);
  }

  #append(items: PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw malformed(`expected a list, current ${describe(list)}`);
    this.#growth.enclose(list, items);
    for (const item of items) list.push(item);
  }

  #addItems(items: PickleValue[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) throw malformed(`expected a set, current ${describe(set)}`);
    this.#growth.enclose(set, items);
    for (const item of items) set.add(item);
  }

  #setItems(items: PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw malformed(`expected a dict, current ${describe(dict)}`);
    if (items.length % 2 !== 0) throw malformed("a dict's key has no value");
    this.#growth.enclose(dict, items);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  #call(args: PickleValue, callee: PickleValue): void {
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) {
      throw malformed(`expected a global and its arguments, current ${describe(callee)}`);
    }
    const value = callee.call(args);
    if (typeof value === "object" && value !== null) this.#growth.enclose(value, [args]);
    this.#push(value);
  }

  #build(state: PickleValue): void {
    const target = this.#top();
    if (typeof target !== "object" || target === null) {
      throw malformed("a plain value has no state");
    }
    this.#growth.enclose(target, [state]);
    buildState(target, state);
    if (target instanceof PickledArray) this.#growth.spend(target.array?.data.byteLength ?? 0);
  }
}

/** Little-endian two's complement of any length. */
function longInteger(bytes: Uint8Array): number | bigint {
  if (bytes.length > 64) throw malformed(`an integer has ${bytes.length} bytes, limit 64`);
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  return narrowed(BigInt.asIntN(8 * bytes.length, value));
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw malformed("text is not UTF-8");
  }
}
