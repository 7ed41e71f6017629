/**
 * Three-vectors. Inside the engine every vector is a `Zyx` tuple; `Xyz` is an object with named members and exists only
 * in requests, formats and DVID, so that the two orders cannot be confused by the type checker.
 */

/** `[z, y, x]`, in voxels unless the name says otherwise. */
export type Zyx = readonly [z: number, y: number, x: number];

/** The order of protocol buffers, command lines and file names. */
export interface Xyz {
  /** Column, the fastest axis in memory. */
  readonly x: number;
  /** Row. */
  readonly y: number;
  /** Section. */
  readonly z: number;
}

/** Reverses an `Xyz` at the edge of the engine. */
export function toZyx(v: Xyz): Zyx {
  return [v.z, v.y, v.x];
}

/** Reverses a `Zyx` at the edge of the engine. */
export function toXyz(v: Zyx): Xyz {
  return { x: v[2], y: v[1], z: v[0] };
}

/** Applies `f` to each axis of one, two or three vectors. */
export function mapZyx(f: (a: number, b: number, axis: number) => number, a: Zyx, b: Zyx = a): Zyx {
  return [f(a[0], b[0], 0), f(a[1], b[1], 1), f(a[2], b[2], 2)];
}

/** Smaller value per axis. (`mapZyx(Math.min, a, b)` would take the axis number for a third value.) */
export function minZyx(a: Zyx, b: Zyx): Zyx {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.min(a[2], b[2])];
}

/** Larger value per axis. */
export function maxZyx(a: Zyx, b: Zyx): Zyx {
  return [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.max(a[2], b[2])];
}

/** Sum per axis. */
export function addZyx(a: Zyx, b: Zyx): Zyx {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

/** Difference per axis. */
export function subZyx(a: Zyx, b: Zyx): Zyx {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

/** Floor division per axis by a scalar (also for negative numbers). */
export function floorDivZyx(a: Zyx, divisor: number): Zyx {
  return mapZyx((v) => Math.floor(v / divisor), a);
}

/** Same values on every axis. */
export function equalZyx(a: Zyx, b: Zyx): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

/** Number of voxels in a box of this size. */
export function volumeOf(size: Zyx): number {
  return size[0] * size[1] * size[2];
}
