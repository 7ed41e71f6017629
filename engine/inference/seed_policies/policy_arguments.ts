import type { Zyx } from "../../geometry/vectors.ts";

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Text of a value in an error message. */
function quote(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

/**
 * Reads the `seed_policy_args` of a request: each read names an argument, checks its value and gives the default where
 * it is missing. `refuseOthers()` at the end refuses names that nobody read.
 */
export class PolicyArguments {
  readonly #policy: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  constructor(policy: string, values: Readonly<Record<string, unknown>>) {
    this.#policy = policy;
    this.#values = values;
  }

  /** A whole number within `range`; `fallback` may lie outside of it. */
  integer(name: string, fallback: number, range: Range): number {
    const value = this.#take(name) ?? fallback;
    if (!Number.isInteger(value)) throw this.#wrongType(name, "a whole number", value);
    return value === fallback ? fallback : this.#inRange(name, value as number, range);
  }

  number(name: string, fallback: number): number {
    const value = this.#take(name) ?? fallback;
    if (!Number.isFinite(value)) throw this.#wrongType(name, "a number", value);
    return value as number;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== "boolean") throw this.#wrongType(name, "true or false", value);
    return value;
  }

  /** Text; required without a fallback. */
  string(name: string, fallback?: string): string {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== "string") throw this.#wrongType(name, "a string", value);
    return value;
  }

  /** A list of whole numbers, each within `range`. */
  integers(name: string, fallback: readonly number[], range: Range): readonly number[] {
    const value = this.#take(name) ?? fallback;
    if (!Array.isArray(value) || !value.every(Number.isInteger)) {
      throw this.#wrongType(name, "a list of whole numbers", value);
    }
    return value.map((v) => this.#inRange(name, v, range));
  }

  /** A `[z, y, x]` of whole numbers, or undefined where it is missing. */
  vector(name: string): Zyx | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (!isVector(value)) throw this.#wrongType(name, "[z, y, x] of whole numbers", value);
    return value;
  }

  /** Required list of `[z, y, x]`, as rows of an `[n, 3]` array. */
  vectors(name: string): Int32Array {
    const value = this.#take(name);
    if (!Array.isArray(value)) {
      throw this.#wrongType(name, "a list of [z, y, x] of whole numbers", value);
    }
    const wrong = value.find((v) => !isVector(v));
    if (wrong !== undefined) {
      throw this.#wrongType(name, "a list of [z, y, x] of whole numbers", wrong);
    }
    return Int32Array.from(value.flat());
  }

  /** Required list of `[policy name, its arguments]`. */
  policies(name: string): readonly (readonly [string, Readonly<Record<string, unknown>>])[] {
    const value = this.#take(name);
    const wanted = 'a list of ["policy name", {arguments}]';
    if (!Array.isArray(value)) throw this.#wrongType(name, wanted, value);
    return value.map((entry) => {
      const [policy, args = {}] = Array.isArray(entry) && entry.length <= 2 ? entry : [];
      if (typeof policy !== "string" || !isRecord(args)) {
        throw this.#wrongType(name, wanted, entry);
      }
      return [policy, args];
    });
  }

  /** All arguments that have not been read. */
  rest(): Readonly<Record<string, unknown>> {
    const names = Object.keys(this.#values).filter((name) => !this.#known.has(name));
    return Object.fromEntries(names.map((name) => [name, this.#take(name)]));
  }

  /** @throws {RangeError} when an argument was given that nobody read. */
  refuseOthers(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#known.has(name));
    if (unknown === undefined) return;
    const allowed = [...this.#known].map(quote).join(", ") || "none";
    throw new RangeError(
      `${this.#cannot()}: no argument ${quote(unknown)}, allowed arguments: ${allowed}`,
    );
  }

  #take(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  #cannot(): string {
    return `Cannot use seed policy "${this.#policy}"`;
  }

  #wrongType(name: string, wanted: string, value: unknown): TypeError {
    const current = value === undefined ? "missing" : quote(value);
    return new TypeError(
      `${this.#cannot()}: argument "${name}" must be ${wanted}, current ${current}`,
    );
  }

  #inRange(name: string, value: number, { min = -Infinity, max = Infinity }: Range): number {
    if (value >= min && value <= max) return value;
    const wanted = value < min ? `at least ${min}` : `at most ${max}`;
    throw new RangeError(
      `${this.#cannot()}: argument "${name}" must be ${wanted}, current ${value}`,
    );
  }
}

function isVector(value: unknown): value is Zyx {
  return Array.isArray(value) && value.length === 3 &&
    value.every((v) => Number.isInteger(v) && Math.abs(v) < 2 ** 31);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
