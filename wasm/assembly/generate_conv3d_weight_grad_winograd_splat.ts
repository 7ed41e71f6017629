/** Writes the Winograd gradient of weights for V8 with its revectoriser and no bounds checks. */
import { weightGradSource } from "./_winograd_weight_grad.ts";

export function source(): string {
  return weightGradSource("splat");
}
