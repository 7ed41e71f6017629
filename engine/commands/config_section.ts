import { UsageError } from "../errors/errors.ts";
import { nearestName } from "../errors/suggest.ts";
import { isObject, type JsonObject, shown } from "../formats/json_document.ts";

/**
 * One mapping of a configuration file: each read names a key, checks its value and gives the fallback where it is
 * missing; `refuseOthers()` at the end refuses keys that nobody read.
 */
export class ConfigSection {
  readonly #values: JsonObject;
  readonly #name: string;
  readonly #known = new Set<string>();

  /** `name` is the place in the file, for messages. */
  constructor(value: unknown, name: string) {
    if (!isObject(value)) {
      throw new UsageError(`Cannot use ${name}: it must be a mapping, current is ${shown(value)}`);
    }
    this.#values = value;
    this.#name = name;
  }

  has(key: string): boolean {
    this.#known.add(key);
    return this.#values[key] !== undefined && this.#values[key] !== null;
  }

  /** A section below this one; an empty one where it is missing. */
  section(key: string): ConfigSection {
    return new ConfigSection(this.has(key) ? this.#values[key] : {}, `${this.#name}.${key}`);
  }

  /** Text; required without a fallback. */
  text(key: string, fallback?: string, choices?: readonly string[]): string {
    const value = this.#take(key) ?? fallback;
    if (typeof value !== "string") throw this.#wrong(key, "a text", value);
    if (choices === undefined || choices.includes(value)) return value;
    throw this.#wrong(key, `one of ${choices.join(", ")}`, value);
  }

  /** One text or a list of them. */
  texts(key: string): readonly string[] {
    const value = this.#take(key);
    const list = Array.isArray(value) ? value : [value];
    if (list.length > 0 && list.every((item) => typeof item === "string")) return list;
    throw this.#wrong(key, "a text or a list of texts", value);
  }

  integer(key: string, fallback: number, min: number): number;
  integer(key: string, fallback: undefined, min: number): number | undefined;
  integer(key: string, fallback: number | undefined, min: number): number | undefined {
    const value = this.#take(key) ?? fallback;
    if (value === undefined) return undefined;
    if (Number.isSafeInteger(value) && (value as number) >= min) return value as number;
    throw this.#wrong(key, `a whole number of at least ${min}`, value);
  }

  number(key: string, fallback: number, min: number): number {
    const value = this.#take(key) ?? fallback;
    if (Number.isFinite(value) && (value as number) >= min) return value as number;
    throw this.#wrong(key, `a number of at least ${min}`, value);
  }

  flag(key: string): boolean {
    const value = this.#take(key) ?? false;
    if (typeof value === "boolean") return value;
    throw this.#wrong(key, "true or false", value);
  }

  /** One number or three in the order z, y, x, as the text of a flag. */
  triple(key: string, fallback?: string): string | undefined {
    const value = this.#take(key);
    if (value === undefined) return fallback;
    const list = Array.isArray(value) ? value : [value];
    if ((list.length === 1 || list.length === 3) && list.every(Number.isFinite)) return list.join();
    throw this.#wrong(key, "one number or three in the order z, y, x", value);
  }

  refuseOthers(): void {
    const other = Object.keys(this.#values).find((key) => !this.#known.has(key));
    if (other === undefined) return;
    const near = nearestName(other, this.#known);
    const hint = near === null
      ? `it knows ${[...this.#known].join(", ")}`
      : `did you mean "${near}"`;
    throw new UsageError(`Cannot use ${this.#name}: unknown key "${other}", ${hint}`);
  }

  #take(key: string): unknown {
    this.#known.add(key);
    return this.#values[key] ?? undefined;
  }

  #wrong(key: string, wanted: string, value: unknown): UsageError {
    const current = value === undefined ? "missing" : shown(value);
    return new UsageError(
      `Cannot use ${this.#name}: ${key} must be ${wanted}, current is ${current}`,
    );
  }
}
