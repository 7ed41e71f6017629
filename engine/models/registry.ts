/** Models by the name that requests give: `[packages.]module.Class`, for example `ffn.training.models.convstack_3d.ConvStack3DFFNModel`. */
import { NotFoundError } from "../errors/errors.ts";
import { convStack3d } from "./convstack_3d.ts";
import type { Model, ModelArgs, ModelClass } from "./model.ts";
import { resConvStack } from "./res_convstack.ts";
import { encoderDecoder, swappedEncoder } from "./secgan/encoder_models.ts";

/** Every known class. */
export const MODEL_CLASSES: readonly ModelClass[] = [
  convStack3d,
  resConvStack,
  swappedEncoder,
  encoderDecoder,
];

/** @throws {NotFoundError} when no class has this name; a package in front of `module.Class` is ignored. */
export function findModelClass(name: string): ModelClass {
  const short = name.split(".").slice(-2).join(".");
  const found = MODEL_CLASSES.find((c) => c.name === short);
  if (found) return found;
  throw new NotFoundError(
    `Cannot find the model class "${name}": known classes are ${
      MODEL_CLASSES.map((c) => c.name).join(", ")
    }`,
  );
}

/** Model of a request: class by name, arguments as JSON values (sizes and deltas xyz). */
export function createModel(name: string, args: ModelArgs): Model {
  return findModelClass(name).create(args);
}
