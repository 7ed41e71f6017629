/** Writes the direct convolution for V8 as it comes. */
import { directSource } from "./_conv3d_direct.ts";

export function source(): string {
  return directSource("shuffle");
}
