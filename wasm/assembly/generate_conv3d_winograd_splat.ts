/** Writes the Winograd convolution for V8 with its revectoriser and no bounds checks. */
import { winogradSource } from "./_winograd_kernel.ts";

export function source(): string {
  return winogradSource("splat");
}
