/** Writes the Winograd convolution for V8 as it comes. */
import { winogradSource } from "./_winograd_kernel.ts";

export function source(): string {
  return winogradSource("shuffle");
}
