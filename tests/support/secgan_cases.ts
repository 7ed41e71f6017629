/** The golden cases A to C of spec/secgan.md, section 14.3: recorded from the reference, evaluated in float64. */
import { secganGeometry } from "../../engine/models/secgan/geometry.ts";
import type { SecganModel } from "../../engine/models/secgan/secgan.ts";

/** One case: networks, and what is recorded of them. */
export interface SecganCase {
  readonly model: SecganModel;
  readonly totals: Readonly<Record<string, number>>;
  readonly losses: Readonly<Record<string, number>>;
  /** Gradients of whole networks, Euclidean norms by scope. */
  readonly norms: Readonly<Record<string, number>>;
  /** Of single variables. */
  readonly variableNorms: Readonly<Record<string, number>>;
  readonly judgements: Readonly<Record<string, readonly [number, number]>>;
  /** Sum, norm, first three and last of generated images. */
  readonly images: Readonly<
    Record<string, readonly [number, number, number, number, number, number]>
  >;
}

const GENERATOR = { depth: 2, channels: 32, norm: "none", dropout: false } as const;
const DISCRIMINATOR = {
  ...{ norm: "instance", earlyMaxpool: false, depth: 2, head: "dense" } as const,
};

function model(fovSize: number, kind: "resnet18" | "convdisc", featuresLayer: number): SecganModel {
  return {
    geometry: secganGeometry(fovSize, GENERATOR.depth),
    generator: GENERATOR,
    discriminator: { ...DISCRIMINATOR, kind },
    segmenter: { depth: 3, features: new Array(6).fill(32), featuresLayer },
  };
}

const A: SecganCase = {
  model: model(9, "convdisc", 12),
  totals: { F: 2.165974875, G: 2.091934719, Du: 1.281109192, Dl: 1.310302694, Ds: 1.516986075 },
  losses: {
    ...{ cycleLabeled: 0.5001300957, cycleUnlabeled: 0.5134164493, genF: 0.4533854927 },
    ...{ genG: 0.5849012549, segF: 0.2055559188 },
  },
  norms: {
    ...{ generator_G: 0.33310717, generator_F: 0.54003646, discriminator_D_u: 1.170135 },
    ...{ discriminator_D_l: 2.1855191, discriminator_D_s: 6.6081907 },
  },
  variableNorms: {
    "generator_G/conv0_a/weights": 0.16856327,
    "generator_F/conv0_a/weights": 0.16030689,
    "generator_F/conv1_b/weights": 0.22528613,
    "generator_F/gen_output/weights": 0.065534018,
    "discriminator_D_u/conv0/weights": 0.54571699,
    "discriminator_D_l/conv0/weights": 0.51658945,
    "discriminator_D_s/conv0/weights": 1.9573842,
    "discriminator_D_u/norm0/gamma": 0.0076536379,
    "discriminator_D_s/norm0/gamma": 0.029931444,
    "discriminator_D_l/probs/fully_connected/weights": 1.840286,
    "discriminator_D_s/probs/fully_connected/weights": 5.0945262,
  },
  judgements: {
    trueU: [-0.034987291, -0.038845529],
    fakeU: [-0.034642756, -0.037251026],
    genG: [-0.035621278, -0.034802196],
    trueL: [-0.12930736, -0.12771131],
    fakeL: [-0.12705792, -0.1270212],
    genF: [-0.12621471, -0.12710746],
    trueS: [-0.34442545, -0.34601289],
    fakeS: [-0.34312978, -0.34611256],
    segF: [-0.34711467, -0.34612037],
  },
  images: {
    fakeLabeled: [-411.6117, 9.2490272, 0.1491003, -0.16201398, -0.10074771, -0.059700867],
    fakeUnlabeled: [-613.96495, 9.6611223, 0.011545912, -0.13389233, 0.11825165, -0.1880364],
    cycledLabeled: [-92.76991, 2.4946025, -0.070034245, -0.055174218, -0.087841333, -0.077253362],
    cycledUnlabeled: [
      ...[-63.878912, 1.7632479, -0.051169087, -0.06418702, -0.044856596, -0.015834745] as const,
    ],
  },
};

const B: SecganCase = {
  model: model(9, "convdisc", 2),
  totals: { ...A.totals, F: 2.171120929, Ds: 1.509823859 },
  losses: { ...A.losses, segF: 0.2107019721 },
  norms: { ...A.norms, generator_F: 0.60491463, discriminator_D_s: 6.6181309 },
  variableNorms: {
    ...A.variableNorms,
    "generator_F/conv0_a/weights": 0.1637432,
    "generator_F/conv1_b/weights": 0.26040289,
    "generator_F/gen_output/weights": 0.079969507,
    "discriminator_D_s/conv0/weights": 2.3249962,
    "discriminator_D_s/norm0/gamma": 0.024484188,
    "discriminator_D_s/probs/fully_connected/weights": 5.039141,
  },
  judgements: {
    ...A.judgements,
    trueS: [-0.34024094, -0.34500448],
    fakeS: [-0.33833515, -0.34255919],
    segF: [-0.34051792, -0.34143685],
  },
  images: A.images,
};

const C: SecganCase = {
  model: model(17, "resnet18", 12),
  totals: { F: 3.4234587, G: 5.362381133, Du: 3.191158717, Dl: 7.722348155, Ds: 7.505145752 },
  losses: {
    ...{ cycleLabeled: 0.4995967264, cycleUnlabeled: 0.4980556529, genF: 0.8142325984 },
    ...{ genG: 3.864361491, segF: 1.11120646 },
  },
  norms: {
    ...{ generator_G: 191.04112, generator_F: 89.033833, discriminator_D_u: 483.82169 },
    ...{ discriminator_D_l: 749.4197, discriminator_D_s: 789.29552 },
  },
  variableNorms: {
    "generator_G/conv0_a/weights": 101.75604,
    "generator_F/conv0_a/weights": 49.727392,
    "generator_F/conv1_b/weights": 24.244725,
    "generator_F/gen_output/weights": 6.0997697,
    "discriminator_D_u/conv1/conv1/weights": 350.98912,
    "discriminator_D_l/conv1/conv1/weights": 532.31556,
    "discriminator_D_s/conv1/conv1/weights": 574.70261,
    "discriminator_D_u/conv3_1/Conv/weights": 10.589516,
    "discriminator_D_s/conv3_1/Conv/weights": 16.025524,
    "discriminator_D_l/probs/fully_connected/biases": 7.2110583,
    "discriminator_D_s/probs/fully_connected/biases": 7.1351978,
  },
  judgements: {
    trueU: [0.87827455, 1.0855932],
    fakeU: [0.8535423, 0.71407277],
    genG: [0.98452052, 1.3317151],
    trueL: [-1.7214618, -1.9351944],
    fakeL: [-1.6699452, -1.8844569],
    genF: [-1.6927944, -1.7118022],
    trueS: [-1.9121666, -1.749039],
    fakeS: [-1.7383448, -1.7356474],
    segF: [-1.7830061, -1.920764],
  },
  images: {
    fakeLabeled: [-1331.7232, 16.659607, -0.075072697, -0.17027081, -0.039709499, -0.12763744],
    fakeUnlabeled: [-1948.1036, 17.127647, -0.110413, -0.1493581, -0.0087129329, 0.099973524],
    cycledLabeled: [-623.68594, 6.4648716, -0.051771414, -0.049267964, -0.073670769, -0.077205276],
    cycledUnlabeled: [-428.51182, 4.5702421, -0.027539569, -0.02600734, -0.063386883, -0.051648394],
  },
};

/** The cases by name. */
export const SECGAN_CASES: Readonly<Record<string, SecganCase>> = { A, B, C };

/** What `ffn train-secgan` trains by default, with the usual segmenter. */
export const SPEC_SIZE: SecganModel = {
  geometry: secganGeometry(33, 8),
  generator: { ...GENERATOR, depth: 8 },
  discriminator: { ...DISCRIMINATOR, kind: "resnet18" },
  segmenter: { depth: 12, features: new Array(24).fill(32), featuresLayer: 12 },
};
