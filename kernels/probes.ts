/** Kernels that find out what a device can do at most, to judge the others by. */
import { groupsFor, type Launch, words } from "./kernel.ts";
import copy from "./probe_copy.wgsl" with { type: "text" };
import fma from "./probe_fma.wgsl" with { type: "text" };

/** Numbers of independent accumulators to try: too few do not fill the pipelines, too many spill registers. */
export const FMA_SWEEP: readonly number[] = Array.from({ length: 12 }, (_, i) => i + 1);

/** Multiply-adds on `groups` workgroups. Operands: input 0 and output 0, 1 KiB each. */
export function fmaProbe(
  accumulators: number,
  groups: number,
  iterations: number,
): { launch: Launch; flops: number } {
  const launch: Launch = {
    label: `probe fma ${accumulators}`,
    source: fma,
    constants: { ACCUMULATORS: accumulators },
    bindings: [
      { operand: { kind: "input", index: 0 } },
      { operand: { kind: "output", index: 0 }, write: true },
    ],
    params: words(iterations),
    workgroups: [groups, 1, 1],
  };
  return { launch, flops: groups * 64 * iterations * 4 * accumulators * 4 * 2 };
}

/** A copy of `sizeBytes`. Operands: input 0 and output 0 of that size. */
export function copyProbe(sizeBytes: number): { launch: Launch; bytes: number } {
  const vectors = sizeBytes / 16;
  const groups = groupsFor(vectors);
  const rows = Math.ceil(groups / 65535);
  const perRow = Math.ceil(groups / rows);
  const launch: Launch = {
    label: "probe copy",
    source: copy,
    constants: {},
    bindings: [
      { operand: { kind: "input", index: 0 } },
      { operand: { kind: "output", index: 0 }, write: true },
    ],
    params: words(vectors, perRow * 64),
    workgroups: [perRow, rows, 1],
  };
  return { launch, bytes: 2 * sizeBytes };
}
