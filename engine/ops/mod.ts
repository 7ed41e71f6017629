/** The ops that exist. A backend lists the same names or says why it lacks one. */
import { binary } from "./binary.ts";
import { concatChannels } from "./concat_channels.ts";
import { conv3d } from "./conv3d.ts";
import { layerNorm } from "./layer_norm.ts";
import type { Op } from "./op.ts";
import { unary } from "./unary.ts";

/** Every op by its name. */
export const OPS: ReadonlyMap<string, Op> = new Map(
  [binary, concatChannels, conv3d, layerNorm, unary].map((op) => [op.name, op]),
);
