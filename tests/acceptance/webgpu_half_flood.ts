/** How far f16 storage moves a flood of the published network. */
import { checkBox64 } from "../support/device_fib25.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "the recorded box of 42 steps with f16 storage on WebGPU: overlaps";
export const ci = false;

export function run(context: AcceptanceContext): Promise<void> {
  return checkBox64(context, true);
}
