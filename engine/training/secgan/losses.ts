/** The losses of SECGAN, how they are weighted, and what discriminators shall say. */
import type { Random } from "../random.ts";

/** What a discriminator shall say of a true image; of a generated one it is the opposite. */
export const REAL = -0.8;
export const FAKE = 0.8;

/** Weights of the losses. */
export interface SecganLambdas {
  readonly cycleLabeled: number;
  readonly cycleUnlabeled: number;
  readonly generator: number;
  readonly generatorSeg: number;
  readonly unlabeledDiscriminator: number;
  readonly labeledDiscriminator: number;
}

/** The reference's flags' defaults. */
export const DEFAULT_LAMBDAS: SecganLambdas = {
  cycleLabeled: 2.5,
  cycleUnlabeled: 0.5,
  generator: 1,
  generatorSeg: 1,
  unlabeledDiscriminator: 1,
  labeledDiscriminator: 1,
};

/** Every loss of an iteration, unweighted; those of the segmenter are 0 where there is none. */
export const LOSS_NAMES = [
  ...["cycleLabeled", "cycleUnlabeled", "genF", "genG", "segF"] as const,
  ...["fakeU", "trueU", "fakeL", "trueL", "fakeS", "trueS"] as const,
] as const;

/** Name of one. */
export type LossName = (typeof LOSS_NAMES)[number];

/** Unweighted losses by name. */
export type SecganLosses = Record<LossName, number>;

/** Weight of each loss in what is minimised. All discriminators of the labelled domain share one. */
export function lossWeights(lambdas: SecganLambdas): Readonly<Record<LossName, number>> {
  const { unlabeledDiscriminator: u, labeledDiscriminator: l } = lambdas;
  return {
    cycleLabeled: lambdas.cycleLabeled,
    cycleUnlabeled: lambdas.cycleUnlabeled,
    genF: lambdas.generator,
    genG: lambdas.generator,
    segF: lambdas.generatorSeg,
    ...{ fakeU: u, trueU: u, fakeL: l, trueL: l, fakeS: l, trueS: l },
  };
}

/** The sums that the reference reports. */
export function lossTotals(
  losses: SecganLosses,
  lambdas: SecganLambdas,
): Record<"F" | "G" | "Du" | "Dl" | "Ds", number> {
  const weights = lossWeights(lambdas);
  const sum = (...names: LossName[]) =>
    names.reduce((total, name) => total + weights[name] * losses[name], 0);
  return {
    F: sum("cycleLabeled", "cycleUnlabeled", "genF", "segF"),
    G: sum("cycleLabeled", "cycleUnlabeled", "genG"),
    Du: sum("fakeU", "trueU"),
    Dl: sum("fakeL", "trueL"),
    Ds: sum("fakeS", "trueS"),
  };
}

/** Judgements that have a target: of generated images by a generator, of fakes and true images by a discriminator. */
export const TARGETS = [
  ...["genF", "genG", "segF", "fakeU", "trueU", "fakeL", "trueL", "fakeS", "trueS"] as const,
] as const;

/** One of them. */
export type TargetName = (typeof TARGETS)[number];

/** Values that a judgement is compared with: those of discriminators are drawn evenly from target ± noise, anew each time. */
export function drawTarget(
  name: TargetName,
  elements: number,
  noise: number,
  random: Random,
): Float32Array {
  const target = name.startsWith("fake") ? FAKE : REAL;
  const isNoisy = noise > 0 && (name.startsWith("fake") || name.startsWith("true"));
  if (!isNoisy) return new Float32Array(elements).fill(target);
  return Float32Array.from(
    { length: elements },
    () => target + noise * (2 * random.uniform() - 1),
  );
}
