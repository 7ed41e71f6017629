/** Reads the constructor arguments of a model (`model_args` of a request): each getter checks type and range. */
import { toZyx, type Zyx } from "../geometry/vectors.ts";
import type { ModelArgs } from "./model.ts";

/** More would need over 2 GiB for a single activation at one channel. */
const MAX_FOV_EDGE = 1024;
const MAX_FEATURES = 4096;
const MAX_DEPTH = 1000;

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** Arguments of one model class; remembers which were read so that unknown names can be refused. */
export class ArgsReader {
  readonly #className: string;
  readonly #args: ModelArgs;
  readonly #known = new Set<string>();

  constructor(className: string, args: ModelArgs) {
    if (typeof args !== "object" || args === null || Array.isArray(args)) {
      throw new TypeError(
        `Cannot create ${className}: model_args must be a JSON object, current value is ${
          show(args)
        }`,
      );
    }
    this.#className = className;
    this.#args = args;
  }

  /** Integer between `min` and `max`. */
  integer(name: string, fallback: number, min: number, max: number): number {
    const value = this.#get(name) ?? fallback;
    if (isInteger(value, min, max)) return value;
    throw this.#refuse(name, value, `an integer from ${min} to ${max}`);
  }

  /** Residual modules. */
  depth(fallback: number): number {
    return this.integer("depth", fallback, 1, MAX_DEPTH);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#get(name) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.#refuse(name, value, "true or false");
  }

  /** A text that must be there. */
  text(name: string): string {
    const value = this.#get(name);
    if (typeof value === "string" && value !== "") return value;
    throw this.#refuse(name, value, "a text");
  }

  /** A value that must be the one that is implemented. */
  only<T>(name: string, supported: T): T {
    const value = this.#get(name) ?? supported;
    if (show(value) === show(supported)) return supported;
    throw this.#refuse(name, value, show(supported));
  }

  /** A size or step, xyz in the argument, zyx in the result; required where no fallback is given. */
  vector(name: string, min: number, fallback?: Zyx): Zyx {
    const value = this.#get(name) ?? undefined;
    if (value === undefined && fallback) return fallback;
    const fits = Array.isArray(value) && value.length === 3 &&
      value.every((n) => isInteger(n, min, MAX_FOV_EDGE));
    if (!fits) {
      throw this.#refuse(name, value, `three integers (xyz) from ${min} to ${MAX_FOV_EDGE}`);
    }
    const [x, y, z] = value as number[];
    return toZyx({ x, y, z });
  }

  /** Output channels of `count` convolutions: one number for all, or a list with one entry each. */
  features(name: string, count: number): readonly number[] {
    const value = this.#get(name) ?? 32;
    const list = Array.isArray(value) ? value : new Array(count).fill(value);
    if (list.length === count && list.every((n) => isInteger(n, 1, MAX_FEATURES))) return list;
    throw this.#refuse(
      name,
      value,
      `an integer from 1 to ${MAX_FEATURES}, or a list of ${count} of them (one per convolution)`,
    );
  }

  /** Field of view and step; every step must stay inside the field of view and one must not be 0. */
  geometry(): { fovSize: Zyx; deltas: Zyx } {
    const fovSize = this.vector("fov_size", 1);
    const deltas = this.vector("deltas", 0);
    const axis = deltas.findIndex((d, i) => d > Math.floor(fovSize[i] / 2));
    const given = `deltas [${deltas.toReversed()}] with fov_size [${fovSize.toReversed()}] (xyz)`;
    if (axis >= 0) {
      throw new RangeError(
        `Cannot use ${given}: a delta may be at most half the field of view, current ${
          "zyx"[axis]
        } is ${deltas[axis]} of ${fovSize[axis]}`,
      );
    }
    if (deltas.every((d) => d === 0)) {
      throw new RangeError(`Cannot use ${given}: at least one delta must be 1 or more`);
    }
    return { fovSize, deltas };
  }

  /** @throws {RangeError} when an argument was given that nothing has read. */
  finish(): void {
    for (const name of Object.keys(this.#args)) {
      if (!this.#known.has(name)) {
        throw new RangeError(
          `Cannot create ${this.#className}: unknown argument "${name}" in model_args, known are ${
            [...this.#known].join(", ")
          }`,
        );
      }
    }
  }

  #get(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#args, name) ? this.#args[name] : undefined;
  }

  #refuse(name: string, value: unknown, allowed: string): RangeError {
    const current = value === undefined ? "it is missing" : `current value is ${show(value)}`;
    return new RangeError(
      `Cannot create ${this.#className}: model_args "${name}" must be ${allowed}, ${current}`,
    );
  }
}
