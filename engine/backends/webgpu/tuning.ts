import { voxelCount } from "../../../kernels/layout.ts";
import type { PlacedCall, Variant } from "../../../kernels/kernel.ts";
import type { ChooseVariant } from "./program.ts";

/** Below this many floating-point operations one dispatch beats three: launches cost more than they save. */
const SMALL_FLOPS = 5e7;

/** Variants in order of preference where nothing was measured. */
const PREFERENCES = {
  small: {
    gpu: ["columns", "rows"],
    software: ["rows", "columns"],
    narrow: ["nested_quad", "rows"],
  },
  large: {
    gpu: ["nested", "columns"],
    software: ["full_broadcast", "full", "windows", "nested", "rows"],
    narrow: ["nested_quad", "nested", "rows"],
  },
} as const;

/** Below this many voxels the tiles of a Winograd product leave most of its threads without work on a software adapter. */
const FEW_VOXELS = 2048;

/** Timings per candidate, and how much faster than the preferred one another must be to replace it. */
const ROUNDS = 5;
const WORTHWHILE = 0.95;

/** Whether the variants of a call differ enough to be measured. */
export function isWorthMeasuring({ call }: PlacedCall): boolean {
  return call.op.work(call).flops >= SMALL_FLOPS;
}

/** What a device is to the rules: `narrow` is a CPU whose lanes load one by one, as SwiftShader's, which has four. */
function kindOf({ software, subgroupSize }: AdapterTraits): "gpu" | "software" | "narrow" {
  if (!software) return "gpu";
  return subgroupSize > 0 && subgroupSize < 8 ? "narrow" : "software";
}

/** What the rules ask of a device. */
export interface AdapterTraits {
  readonly software: boolean;
  /** Lanes of the smallest subgroup; 0 where there are none. */
  readonly subgroupSize: number;
}

/** Chooses by rule: Winograd for large convolutions, one direct kernel for small ones. */
export function preferredVariant(traits: AdapterTraits): ChooseVariant {
  const { software } = traits;
  const kind = kindOf(traits);
  return (placed: PlacedCall, supported: readonly Variant[]) => {
    const { flops } = placed.call.op.work(placed.call);
    const preferences: readonly string[] =
      PREFERENCES[flops < SMALL_FLOPS ? "small" : "large"][kind];
    const isFew = software && voxelCount(placed.inputs[0]) * placed.inputs[0].batch < FEW_VOXELS;
    const names = isFew && flops >= SMALL_FLOPS ? ["windows", ...preferences] : preferences;
    const preferred = names.map((name) => supported.find((v) => v.name === name));
    return Promise.resolve(preferred.find((v) => v !== undefined) ?? supported[0]);
  };
}

/**
 * The fastest of `names` by the medians of timings taken in turn, so that other work on the machine hits all alike; it is
 * `preferred` unless another is clearly faster.
 *
 * @param timeMs Times a candidate once; infinite where it cannot run.
 */
export async function fastestOf(
  names: readonly string[],
  preferred: string,
  timeMs: (name: string) => Promise<number>,
): Promise<{ name: string; mediansMs: ReadonlyMap<string, number> }> {
  const timings = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, list] of timings) {
      list.push(list.includes(Infinity) ? Infinity : await timeMs(name));
    }
  }
  const mediansMs = new Map(
    [...timings].map(([name, list]) => [name, list.toSorted((a, b) => a - b)[ROUNDS >> 1]]),
  );
  const [best, bestMs] = [...mediansMs].reduce((a, b) => b[1] < a[1] ? b : a);
  const isClear = bestMs <= WORTHWHILE * (mediansMs.get(preferred) ?? Infinity);
  return { name: isClear ? best : preferred, mediansMs };
}
