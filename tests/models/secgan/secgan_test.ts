/** Variables and sizes of the networks of SECGAN against section 4, 10 and 14 of the spec. */
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { elementCount } from "../../../engine/formats/nd_array.ts";
import { appendDiscriminator } from "../../../engine/models/secgan/discriminator.ts";
import { secganGeometry } from "../../../engine/models/secgan/geometry.ts";
import { LayerScope, NetworkGraph } from "../../../engine/models/secgan/layers.ts";
import {
  networkVariables,
  type SecganModel,
  secganVariables,
} from "../../../engine/models/secgan/secgan.ts";
import { checkFeaturesLayer } from "../../../engine/models/secgan/segmenter.ts";
import { GraphBuilder } from "../../../engine/ops/graph.ts";

/** What the reference's flags give unless they say otherwise. */
const DEFAULT: SecganModel = {
  geometry: secganGeometry(33, 8),
  generator: { depth: 8, channels: 32, norm: "none", dropout: false },
  discriminator: {
    ...{ kind: "resnet18", norm: "instance", earlyMaxpool: false, depth: 3, head: "dense" },
  },
  segmenter: { depth: 12, features: new Array(24).fill(32), featuresLayer: 12 },
};

function floats(model: SecganModel, network: "G" | "Du" | "Ds"): number {
  return networkVariables(model, network).reduce((sum, v) => sum + elementCount(v.shape), 0);
}

Deno.test("secganGeometry() gives the sizes of the reference", () => {
  deepStrictEqual(secganGeometry(33, 8), {
    cycleSize: 97,
    discSize: 65,
    fovSize: 33,
    margin: 16,
  });
});

Deno.test("secganVariables() has the reference's names, shapes and number", () => {
  const variables = secganVariables(DEFAULT);
  strictEqual(variables.length, 296);
  strictEqual(variables.reduce((sum, v) => sum + elementCount(v.shape), 0), 100_322_821);
  const shapes = new Map(variables.map(({ name, shape }) => [name, shape]));
  deepStrictEqual(shapes.get("generator_F/conv7_b/weights"), [3, 3, 3, 32, 32]);
  deepStrictEqual(shapes.get("generator_G/gen_output/weights"), [1, 1, 1, 32, 1]);
  deepStrictEqual(shapes.get("discriminator_D_s/conv1/conv1/weights"), [7, 7, 7, 1, 64]);
  deepStrictEqual(shapes.get("discriminator_D_u/conv1/norm/gamma"), [64]);
  deepStrictEqual(shapes.get("discriminator_D_l/conv2_2/norm1/beta"), [64]);
  deepStrictEqual(shapes.get("discriminator_D_l/conv4_1/Conv/weights"), [1, 1, 1, 128, 256]);
  deepStrictEqual(shapes.get("discriminator_D_u/conv5_2/conv2/biases"), [512]);
  deepStrictEqual(shapes.get("discriminator_D_u/probs/fully_connected/weights"), [512, 1]);
});

Deno.test("networkVariables() counts the reference's parameters", () => {
  strictEqual(floats(DEFAULT, "G"), 416_129);
  strictEqual(floats(DEFAULT, "Du"), 33_163_521);
  const discriminator = { ...DEFAULT.discriminator, kind: "convdisc" } as const;
  const convdisc = { ...DEFAULT, discriminator };
  strictEqual(floats(convdisc, "Du"), 5_129_601);
  const seesFeatures = { ...DEFAULT.segmenter!, featuresLayer: 5 };
  strictEqual(floats({ ...convdisc, segmenter: seesFeatures }, "Ds"), 5_377_601);
});

Deno.test("networkVariables() of a batch normalisation has moving statistics that nothing trains", () => {
  const generator = { ...DEFAULT.generator, depth: 2, norm: "batch" } as const;
  const variables = networkVariables({ ...DEFAULT, generator }, "G");
  deepStrictEqual(
    variables.filter(({ name }) => name.includes("norm1_a")).map(({ name, trained }) => [
      name.split("/").at(-1),
      trained,
    ]),
    [["beta", true], ["moving_mean", false], ["moving_variance", false]],
  );
});

Deno.test("secganVariables() has no discriminator of segmentations without a segmenter", () => {
  const names = secganVariables({ ...DEFAULT, segmenter: null }).map(({ name }) => name);
  strictEqual(names.some((name) => name.startsWith("discriminator_D_s")), false);
});

Deno.test("appendDiscriminator() halves the image as the reference does", () => {
  const edges = (head: "dense" | "patch", edge: number, earlyMaxpool = false) => {
    const builder = new GraphBuilder();
    const scope = new LayerScope(new NetworkGraph(builder), "D");
    const x = builder.input("x", [2, edge, edge, edge, 1]);
    return appendDiscriminator(scope, x, { ...DEFAULT.discriminator, head, earlyMaxpool }).shape;
  };
  deepStrictEqual(edges("dense", 65), [2, 1]);
  deepStrictEqual(edges("patch", 65), [2, 5, 5, 5, 512]);
  deepStrictEqual(edges("patch", 33), [2, 3, 3, 3, 512]);
  deepStrictEqual(edges("patch", 65, true), [2, 3, 3, 3, 512]);
});

Deno.test("checkFeaturesLayer() refuses the layers at which the reference crashes", () => {
  throws(() => checkFeaturesLayer(1, 12), /must be 2 to 11/);
  checkFeaturesLayer(2, 12);
});
