import type { SummaryValue } from "../../formats/event_file.ts";
import type { SecganGeometry } from "../../models/secgan/geometry.ts";
import { FAKE, REAL, type SecganLosses } from "./losses.ts";
import { centreOfCubes, panels } from "./panels.ts";
import type { SecganResult } from "./secgan_step.ts";

/** Scalars of an iteration under the reference's tags. */
export function secganScalars(
  { labeled, unlabeled }: { labeled: Float32Array; unlabeled: Float32Array },
  { losses, judgements, fakeLabeled, fakeUnlabeled }: SecganResult,
  { cycleSize, fovSize }: SecganGeometry,
  hasSegmenter: boolean,
): SummaryValue[] {
  const error = (name: string, target: number) =>
    mean(judgements.get(name)!.map((value) => Math.abs(value - target)));
  const values: Record<string, number> = {
    ...lossScalars(losses, hasSegmenter),
    "metrics/Du_fake_err": error("fakeU", FAKE),
    "metrics/Du_true_err": error("trueU", REAL),
    "metrics/Dl_fake_err": error("fakeL", FAKE),
    "metrics/Dl_true_err": error("trueL", REAL),
    "metrics/mean_l_true": mean(centreOfCubes(labeled, cycleSize, fovSize)),
    "metrics/mean_u_true": mean(centreOfCubes(unlabeled, cycleSize, fovSize)),
    "metrics/mean_l_fake": mean(fakeLabeled),
    "metrics/mean_u_fake": mean(fakeUnlabeled),
  };
  return Object.entries(values).map(([tag, scalar]) => ({ tag, scalar }));
}

function lossScalars(losses: SecganLosses, hasSegmenter: boolean): Record<string, number> {
  return {
    "losses/cycle_consistency_l": losses.cycleLabeled,
    "losses/cycle_consistency_u": losses.cycleUnlabeled,
    "losses/labeled_discriminator_loss": losses.fakeL + losses.trueL,
    "losses/F_gan_loss": losses.genF,
    "losses/unlabeled_discriminator_loss": losses.fakeU + losses.trueU,
    "losses/G_gan_loss": losses.genG,
    ...hasSegmenter && {
      "losses/segmentation_discriminator_loss": losses.fakeS + losses.trueS,
      "losses/segmentation_gan_loss": losses.segF,
    },
  };
}

/**
 * Pictures of an iteration under the reference's tags.
 *
 * @param segment What the frozen network says of cubes `[batch, f, f, f]`; null without one.
 */
export async function secganPanels(
  { labeled, unlabeled }: { labeled: Float32Array; unlabeled: Float32Array },
  result: SecganResult,
  { cycleSize, discSize, fovSize }: SecganGeometry,
  segment: ((images: Float32Array) => Promise<Float32Array>) | null,
): Promise<SummaryValue[]> {
  const small = (data: Float32Array, from: number) => centreOfCubes(data, from, fovSize);
  const [l, u] = [small(labeled, cycleSize), small(unlabeled, cycleSize)];
  const fakeL = small(result.fakeLabeled, discSize);
  const fakeU = small(result.fakeUnlabeled, discSize);
  const of = (tag: string, ...cubes: Float32Array[]) => panels(tag, cubes, fovSize);
  const pictures = [
    ...of("cycles/cycle_labeled", l, fakeU, result.cycledLabeled),
    ...of("cycles/cycle_unlabeled", u, fakeL, result.cycledUnlabeled),
    ...of("gens/labeled", l, fakeL),
    ...of("gens/unlabeled", u, fakeU),
  ];
  if (!segment) return pictures;
  return [
    ...pictures,
    ...of("segs/unlabeled_seg", u, fakeL, await segment(fakeL)),
    ...of("segs/labeled_seg", l, await segment(l)),
  ];
}

function mean(values: Float32Array): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}
