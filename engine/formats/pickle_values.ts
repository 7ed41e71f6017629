/**
 * What a pickle may contain, and what the few globals that NumPy and the reference program put there make. Everything is
 * built from this closed table; no name is ever looked up anywhere else.
 */
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { elementCount, itemSize, type NdArray } from "./nd_array.ts";
import { decodeElements, type ElementType, parseElementType } from "./npy_elements.ts";

/**
 * A Python value: integers are numbers where these are exact, else bigints; tuples, lists and deques are arrays; a
 * `bytes` or a Python 2 string is a `Uint8Array`.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickledArray
  | PickledObject
  | PickledDtype
  | PickleGlobal;

/** A NumPy array: `array` for plain element types, `items` in C order for arrays of objects; never both. */
export class PickledArray {
  shape: readonly number[] = [0];
  array: NdArray | null = null;
  items: PickleValue[] | null = null;
}

/** An instance of a class that is known by its name only, with its constructor's arguments: `OriginInfo`. */
export class PickledObject {
  constructor(readonly className: string, readonly fields: PickleValue[]) {}
}

/** A NumPy element type: `code` like `i8` or `O8`; a later BUILD sets the byte order. */
export class PickledDtype {
  order = "=";
  constructor(readonly code: string) {}

  get isObject(): boolean {
    return this.code.startsWith("O");
  }

  /** @throws {UnsupportedError} for types other than plain numbers. */
  get elementType(): ElementType {
    const type = parseElementType(this.order + this.code);
    if (type) return type;
    throw new UnsupportedError(
      `Cannot read a pickled array: element type "${this.order}${this.code}" is not supported, ` +
        "it must be a plain numeric type or object",
    );
  }
}

/** A global of the table: calling it (REDUCE, NEWOBJ) makes a value from a tuple of arguments. */
export class PickleGlobal {
  constructor(readonly name: string, readonly call: (args: PickleValue[]) => PickleValue) {}
}

/** Text of a `str`, or of a Python 2 string, whose bytes are Latin-1. */
export function pickleText(value: PickleValue): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return String.fromCharCode(...value.subarray(0, 1024));
  throw malformed(`expected a string, current ${describe(value)}`);
}

/** An error that `parsePickle` completes with the file and the place. */
export function malformed(what: string): FormatError {
  return new FormatError(what, { path: "" });
}

/** Kind of a value, for messages. */
export function describe(value: PickleValue | undefined): string {
  return value === null || typeof value !== "object" ? String(value) : value.constructor.name;
}

const NUMPY_MULTIARRAY = ["numpy.core.multiarray", "numpy._core.multiarray"];

/**
 * The global `module.name`.
 *
 * @throws {UnsupportedError} naming it, when it is not in the table.
 */
export function pickleGlobal(module: string, name: string): PickleGlobal {
  const known = NUMPY_MULTIARRAY.includes(module) ? `multiarray.${name}` : `${module}.${name}`;
  const call = GLOBALS.get(known);
  if (call) return new PickleGlobal(known, call);
  // The named tuple has moved between modules of the reference program and of its authors' own tree.
  if (name === "OriginInfo" && (module === "storage" || module.endsWith(".storage"))) {
    return new PickleGlobal(name, (args) => new PickledObject(name, args));
  }
  throw new UnsupportedError(
    `Cannot read a pickle: global "${module} ${name}" is not one of those that segmentation files contain, ` +
      "and no others are ever loaded",
  );
}

const GLOBALS = new Map<string, (args: PickleValue[]) => PickleValue>([
  ["multiarray._reconstruct", () => new PickledArray()],
  ["multiarray.scalar", ([dtype, bytes]) => scalar(dtype, bytes)],
  ["numpy.ndarray", () => {
    throw malformed("numpy.ndarray is a type here and cannot be called");
  }],
  ["numpy.dtype", ([code]) => new PickledDtype(pickleText(code))],
  ["_codecs.encode", ([text, encoding]) => latin1(text, encoding)],
  ["collections.deque", ([items]) => items === undefined ? [] : list(items).slice()],
  ["builtins.set", ([items]) => new Set(items === undefined ? [] : list(items))],
  ["__builtin__.set", ([items]) => new Set(items === undefined ? [] : list(items))],
]);

function list(value: PickleValue): PickleValue[] {
  if (Array.isArray(value)) return value;
  throw malformed(`expected a list, current ${describe(value)}`);
}

/** Protocol 2 has no bytes: Python 3 writes them as text whose code points are the bytes. */
function latin1(text: PickleValue, encoding: PickleValue): Uint8Array {
  if (typeof text !== "string" || pickleText(encoding) !== "latin1") {
    throw malformed("expected text to encode as latin1");
  }
  return Uint8Array.from(text, (character) => {
    const code = character.codePointAt(0)!;
    if (code > 0xff) throw malformed(`character ${code} is not in latin1`);
    return code;
  });
}

/** A NumPy scalar becomes a plain number, bigint or boolean. */
function scalar(dtype: PickleValue, bytes: PickleValue): PickleValue {
  if (!(dtype instanceof PickledDtype) || !(bytes instanceof Uint8Array)) {
    throw malformed("expected a dtype and bytes of a NumPy scalar");
  }
  const [value] = plainArray(dtype, [], bytes, false).data;
  return dtype.elementType.dtype === "bool" ? value !== 0 : narrowed(value);
}

/** The number equal to an integer, where there is one. */
export function narrowed(value: number | bigint): number | bigint {
  const isSafe = typeof value === "bigint" && Number.isSafeInteger(Number(value));
  return isSafe ? Number(value) : value;
}

function plainArray(
  dtype: PickledDtype,
  shape: readonly number[],
  bytes: Uint8Array,
  fortranOrder: boolean,
): NdArray {
  const type = dtype.elementType;
  const wantedBytes = elementCount(shape) * itemSize(type.dtype);
  if (bytes.length !== wantedBytes) {
    throw malformed(
      `an array of shape (${
        shape.join(", ")
      }) and type ${dtype.code} needs ${wantedBytes} bytes, ` +
        `current ${bytes.length}`,
    );
  }
  // A pickle's bytes are a view of the whole file and rarely aligned: an array must not keep the file alive.
  return decodeElements(bytes.slice(), type, shape, fortranOrder);
}

/** The BUILD step: sets the state of an array or dtype in place, since others may share it through the memo. */
export function buildState(target: PickleValue, state: PickleValue): void {
  if (!Array.isArray(state)) throw malformed(`expected a state tuple, current ${describe(state)}`);
  if (target instanceof PickledDtype) {
    const order = pickleText(state[1] ?? null);
    if (!["<", ">", "|", "="].includes(order)) {
      throw malformed(`byte order must be one of < > | =, current "${order}"`);
    }
    target.order = order;
  } else if (target instanceof PickledArray) {
    buildArray(target, state);
  } else {
    throw malformed(`expected an array or dtype to set the state of, current ${describe(target)}`);
  }
}

/** `state` is (version, shape, dtype, Fortran order, bytes or list of items). */
function buildArray(target: PickledArray, state: PickleValue[]): void {
  const [, shape, dtype, fortranOrder, data] = state;
  const isShape = Array.isArray(shape) &&
    shape.every((n): n is number => typeof n === "number" && n >= 0);
  if (!isShape || !(dtype instanceof PickledDtype) || typeof fortranOrder !== "boolean") {
    throw malformed("an array's state must be (version, shape, dtype, order, data)");
  }
  target.shape = shape;
  if (!dtype.isObject) {
    if (!(data instanceof Uint8Array)) throw malformed("an array's data must be bytes");
    target.array = plainArray(dtype, shape, data, fortranOrder);
    return;
  }
  target.items = list(data);
  if (target.items.length !== elementCount(shape) || (fortranOrder && shape.length > 1)) {
    throw malformed(
      `an object array of shape (${shape.join(", ")}) must have that many items in C order, ` +
        `current ${target.items.length}`,
    );
  }
}
