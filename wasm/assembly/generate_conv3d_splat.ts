/** Writes the direct convolution for V8 with its revectoriser and no bounds checks. */
import { directSource } from "./_conv3d_direct.ts";

export function source(): string {
  return directSource("splat");
}
