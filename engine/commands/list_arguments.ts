/** Lists on the command line: numbers and volumes separated by commas. */
import { UsageError } from "../errors/errors.ts";
import { toZyx, type Zyx } from "../geometry/vectors.ts";

/** `0.1,0.5` as numbers. */
export function numberList(flag: string, text: string): number[] {
  return text.split(",").map((part) => {
    const value = part.trim() === "" ? NaN : Number(part);
    if (Number.isFinite(value)) return value;
    throw new UsageError(
      `Cannot use ${flag} "${text}": it must be numbers separated by commas, current part is "${part}"`,
    );
  });
}

/** Three integers of 0 or more in the order in which they stand. */
function triple(flag: string, text: string, order: string): [number, number, number] {
  const parts = text.split(",").map((part) => /^\s*\d{1,9}\s*$/.test(part) ? Number(part) : NaN);
  if (parts.length === 3 && !parts.some(Number.isNaN)) return [parts[0], parts[1], parts[2]];
  throw new UsageError(
    `Cannot use ${flag} "${text}": it must be three integers of 0 or more in the order ${order}, as in "24,24,24"`,
  );
}

/** `x,y,z`. */
export function xyzTriple(flag: string, text: string): Zyx {
  const [x, y, z] = triple(flag, text, "x,y,z");
  return toZyx({ x, y, z });
}

/** `z,y,x`. */
export function zyxTriple(flag: string, text: string): Zyx {
  return triple(flag, text, "z,y,x");
}

/** Integers of any size. */
export function idList(flag: string, text: string): bigint[] {
  return text.split(",").map((part) => {
    if (/^\s*-?\d+\s*$/.test(part)) return BigInt(part.trim());
    throw new UsageError(
      `Cannot use ${flag} "${text}": it must be integers separated by commas, current part is "${part}"`,
    );
  });
}

/** One `name:path:dataset`. */
export interface NamedSpec {
  readonly name: string;
  /** `path:dataset`. */
  readonly spec: string;
}

/** `name:path:dataset[slice],…`; no name may come twice. Commas inside brackets belong to the slice. */
export function namedVolumes(flag: string, text: string): NamedSpec[] {
  const volumes = text.split(/,(?![^[]*\])/).map((part): NamedSpec => {
    const [, name, spec] = /^\s*([^:]+):([^:]+:[^:[]+(?:\[[^\]]*\])?)\s*$/.exec(part) ?? [];
    if (name !== undefined) return { name, spec };
    throw new UsageError(
      `Cannot use ${flag} "${text}": it must be name:path:dataset separated by commas, current part is "${part}"`,
    );
  });
  const twice = volumes.find(({ name }, i) => volumes.findIndex((v) => v.name === name) !== i);
  if (twice === undefined) return volumes;
  throw new UsageError(`Cannot use ${flag} "${text}": the name "${twice.name}" stands there twice`);
}
