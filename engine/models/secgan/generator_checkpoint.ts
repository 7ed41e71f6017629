import { FormatError } from "../../errors/errors.ts";
import type { VariableShapes } from "../model.ts";
import type { GeneratorOptions } from "./generator.ts";

/**
 * The generator that a checkpoint holds under a scope. Dropout leaves no trace there, and the reference transfers without.
 *
 * @throws {FormatError} when there is none.
 */
export function inferGenerator(
  path: string,
  variables: VariableShapes,
  scope: string,
): GeneratorOptions {
  const first = variables.get(`${scope}/conv0_a/weights`);
  if (!first || first.shape.length !== 5) {
    throw new FormatError(
      `Cannot load "${path}": it has no variable "${scope}/conv0_a/weights", so it is no checkpoint of ffn train-secgan`,
      { path },
    );
  }
  let depth = 1;
  while (variables.has(`${scope}/conv${depth}_a/weights`)) depth++;
  const has = (leaf: string) => variables.has(`${scope}/norm0_a/${leaf}`);
  return {
    depth,
    channels: first.shape[4],
    norm: has("gamma") ? "instance" : has("beta") ? "batch" : "none",
    dropout: false,
  };
}
