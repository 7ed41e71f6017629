import { deepStrictEqual, throws } from "node:assert/strict";
import { decodeNpy, encodeNpy, type NpyInput } from "../../engine/formats/npy.ts";
import {
  decodeOrigins,
  encodeOrigins,
  type OriginInfo,
  type Origins,
} from "../../engine/formats/origins.ts";
import { decodeOverlaps, encodeOverlaps } from "../../engine/formats/overlaps.ts";
import { parsePickle } from "../../engine/formats/pickle.ts";
import {
  PickledArray,
  PickledObject,
  type PickleValue,
} from "../../engine/formats/pickle_values.ts";
import * as vectors from "./spec_vectors.ts";

/** The object inside a `.npy` file of an object scalar. */
function objectOf(npy: Uint8Array): PickleValue {
  const value = decodeNpy(npy, "test.npy");
  if (value.kind !== "object") throw new Error(`expected an object, got ${value.kind}`);
  return (parsePickle(value.pickle, "test.npy") as PickledArray).items![0];
}

function npyOf(input: NpyInput): Uint8Array {
  return Uint8Array.from(encodeNpy(input).flatMap((part) => [...part]));
}

const FIRST: OriginInfo = { startZyx: [16, 18, 109], iters: 1884, walltimeSec: 26.242855072021484 };
const LAST: OriginInfo = { startZyx: [16, 24, 204], iters: 1, walltimeSec: 0.0234375 };
const ALL: Origins = new Map([
  [1, FIRST],
  [2, { startZyx: [16, 19, 228], iters: 7, walltimeSec: 0.5 }],
  [70000, LAST],
]);

Deno.test("decodeOrigins() reads what NumPy 1.16 (protocol 2) and 2.1 (protocol 4) wrote", () => {
  deepStrictEqual(decodeOrigins(objectOf(vectors.ORIGINS_NUMPY_116)), ALL);
  deepStrictEqual(decodeOrigins(objectOf(vectors.ORIGINS_NUMPY_213)), ALL);
});

Deno.test("encodeOrigins() gives the bytes of the specification", () => {
  deepStrictEqual(npyOf(encodeOrigins(new Map([[1, FIRST], [70000, LAST]]))), vectors.ORIGINS_OURS);
  const v16: Origins = new Map([
    [1, { startZyx: [4, 5, 6], iters: 7, walltimeSec: 0.5 }],
    [300, { startZyx: [16, 18, 70000], iters: 70000, walltimeSec: 1.25 }],
  ]);
  deepStrictEqual(npyOf(encodeOrigins(v16)).subarray(128), vectors.ORIGINS_V16);
  deepStrictEqual(decodeOrigins(objectOf(npyOf(encodeOrigins(v16)))), v16);
});

Deno.test("encodeOrigins() keeps integers of every size, and no origins at all", () => {
  const values = [0, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 39, 2 ** 53 - 1];
  const origins: Origins = new Map(values.map((n) => [
    n,
    { startZyx: [0 - n, -129, -1], iters: n, walltimeSec: 0.125 * n },
  ]));
  deepStrictEqual(decodeOrigins(objectOf(npyOf(encodeOrigins(origins)))), origins);
  deepStrictEqual(decodeOrigins(objectOf(npyOf(encodeOrigins(new Map())))), new Map());
});

Deno.test("encodeOrigins() refuses numbers that are no integers", () => {
  for (const iters of [1.5, NaN, 2 ** 53]) {
    throws(() => encodeOrigins(new Map([[1, { ...FIRST, iters }]])), { name: "RangeError" });
  }
});

Deno.test("decodeOrigins() refuses other objects, naming the entry", () => {
  const info = (...fields: PickleValue[]) =>
    new Map([[3, new PickledObject("OriginInfo", fields)]]);
  throws(() => decodeOrigins([1], "a.npz:origins"), {
    name: "FormatError",
    message: 'Cannot read "a.npz:origins": it must be a dict, current Array',
  });
  throws(() => decodeOrigins(new Map([[3, 4]])), /entry 3 must be an OriginInfo, current 4/);
  throws(() => decodeOrigins(info([1, 2], 3, 0.5)), /OriginInfo of 3 must be/);
  throws(() => decodeOrigins(info([1, 2, 3], 3.5, 0.5)), /OriginInfo of 3 must be/);
  throws(() => decodeOrigins(info([1, 2, 3], 3)), /OriginInfo of 3 must be/);
});

Deno.test("encodeOverlaps() comes back equal, also with none and with arrays over 255 bytes", () => {
  const overlaps = new Map([
    [2, { ids: [1], counts: [37] }],
    [70000, { ids: Array.from({ length: 40 }, (_, i) => i * 1e9), counts: new Array(40).fill(3) }],
    [4, { ids: [], counts: [] }],
  ]);
  deepStrictEqual(decodeOverlaps(objectOf(npyOf(encodeOverlaps(overlaps)))), overlaps);
  deepStrictEqual(decodeOverlaps(objectOf(npyOf(encodeOverlaps(new Map())))), new Map());
});

Deno.test("decodeOverlaps() and encodeOverlaps() refuse what is not two equal rows", () => {
  const array = new PickledArray();
  array.array = { dtype: "int64", shape: [3, 1], data: new BigInt64Array(3) };
  throws(() => decodeOverlaps(new Map([[5, array]])), {
    name: "FormatError",
    message: /entry 5 must be an integer array of shape \(2, k\), current \(3, 1\) int64/,
  });
  throws(() => encodeOverlaps(new Map([[5, { ids: [1], counts: [] }]])), { name: "RangeError" });
});
