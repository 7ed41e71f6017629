/** Checks a SECGAN checkpoint against the networks that it is loaded into, before any array is used. */
import { FormatError } from "../../errors/errors.ts";
import { describeShape } from "../../ops/op.ts";
import type { VariableShapes } from "../model.ts";
import type { NetworkVariable } from "./layers.ts";

/** Names that belong to no network: the step, Adam's powers, and states of optimizers. */
const NO_WEIGHT =
  /^global_step$|^beta[12]_power(_\d)?$|\/(Momentum|Adagrad|Adam|Adam_1|RMSProp|RMSProp_1)$/;

/**
 * Every wanted variable must be there with its shape, and under `scopes` there must be no other.
 *
 * @throws {FormatError} with the first variable that does not fit.
 */
export function checkSecganCheckpoint(
  path: string,
  found: VariableShapes,
  wanted: readonly NetworkVariable[],
  scopes: readonly string[],
): void {
  const action = `Cannot load "${path}"`;
  const advice = "give the flags with which it was trained (flagfile.txt beside it)";
  for (const { name, shape } of wanted) {
    const there = found.get(name);
    if (!there) {
      throw new FormatError(`${action}: it has no variable "${name}"; ${advice}`, { path });
    }
    if (describeShape(there.shape) === describeShape(shape)) continue;
    throw new FormatError(
      `${action}: variable "${name}" must have shape ${describeShape(shape)}, current shape is ${
        describeShape(there.shape)
      }; ${advice}`,
      { path },
    );
  }
  const known = new Set(wanted.map(({ name }) => name));
  const other = [...found.keys()].find((name) =>
    scopes.some((scope) => name.startsWith(`${scope}/`)) && !known.has(name) &&
    !NO_WEIGHT.test(name)
  );
  if (other === undefined) return;
  throw new FormatError(
    `${action}: it has a variable "${other}" that these networks have not; ${advice}`,
    { path },
  );
}
