/** Checks a model against the names and shapes of a checkpoint before any array is read. */
import { FormatError } from "../errors/errors.ts";
import { describeShape } from "../ops/op.ts";
import { describeArchitecture, type Model, type VariableShapes } from "./model.ts";
import { findModelClass } from "./registry.ts";

/**
 * Refuses a checkpoint that holds another architecture than `model_args` ask for. A checkpoint that is deeper would have
 * every variable, and the network that is cut short would run and give nonsense.
 *
 * @throws {RangeError} with what the arguments ask for and what the checkpoint has.
 */
export function checkCheckpointFits(model: Model, path: string, variables: VariableShapes): void {
  const action = `Cannot load "${path}" into ${model.name}`;
  const found = findModelClass(model.name).inferArchitecture(variables);
  if (!found) {
    const [first] = model.variables;
    throw new RangeError(
      `${action}: it has no variable "${first.name}", the checkpoint holds ${listNames(variables)}`,
    );
  }
  const [asked, has] = [model.architecture, found].map(describeArchitecture);
  if (asked !== has) {
    throw new RangeError(`${action}: model_args ask for ${asked}, the checkpoint has ${has}`);
  }
  for (const { name, shape } of model.variables) {
    const there = variables.get(name);
    if (!there) {
      throw new FormatError(`${action}: variable "${name}" is missing`, { path });
    }
    if (describeShape(there.shape) !== describeShape(shape)) {
      throw new FormatError(
        `${action}: variable "${name}" must have shape ${describeShape(shape)}, current shape is ${
          describeShape(there.shape)
        }`,
        { path },
      );
    }
  }
}

function listNames(variables: VariableShapes): string {
  const names = [...variables.keys()];
  if (names.length === 0) return "nothing";
  const shown = names.slice(0, 3).map((name) => `"${name}"`).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} others` : shown;
}
