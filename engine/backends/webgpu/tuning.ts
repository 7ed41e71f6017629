import type { PlacedCall, Variant } from "../../../kernels/kernel.ts";
import type { ChooseVariant } from "./program.ts";

/** Below this many floating-point operations one dispatch beats three: launches cost more than they save. */
const SMALL_FLOPS = 5e7;

/** Variants in order of preference where nothing was measured. */
const PREFERENCES = {
  small: { gpu: ["columns", "rows"], software: ["rows", "columns"] },
  large: { gpu: ["nested", "columns"], software: ["nested", "rows"] },
} as const;

/** Whether the variants of a call differ enough to be measured. */
export function isWorthMeasuring({ call }: PlacedCall): boolean {
  return call.op.work(call).flops >= SMALL_FLOPS;
}

/** Chooses by rule: Winograd for large convolutions, one direct kernel for small ones. */
export function preferredVariant(software: boolean): ChooseVariant {
  return (placed: PlacedCall, supported: readonly Variant[]) => {
    const { flops } = placed.call.op.work(placed.call);
    const names: readonly string[] =
      PREFERENCES[flops < SMALL_FLOPS ? "small" : "large"][software ? "software" : "gpu"];
    const preferred = names.map((name) => supported.find((v) => v.name === name));
    return Promise.resolve(preferred.find((v) => v !== undefined) ?? supported[0]);
  };
}
