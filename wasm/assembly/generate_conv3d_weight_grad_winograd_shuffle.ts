/** Writes the Winograd gradient of weights for V8 as it comes. */
import { weightGradSource } from "./_winograd_weight_grad.ts";

export function source(): string {
  return weightGradSource("shuffle");
}
