/** The graph of one iteration: every network forward, the losses, and the gradients of everything that is trained. */
import { appendDiscriminator } from "../../models/secgan/discriminator.ts";
import { appendGenerator } from "../../models/secgan/generator.ts";
import { LayerScope, NetworkGraph } from "../../models/secgan/layers.ts";
import {
  type NetworkName,
  networkVariables,
  SCOPES,
  type SecganModel,
} from "../../models/secgan/secgan.ts";
import { appendSegmenter } from "../../models/secgan/segmenter.ts";
import { appendAdd } from "../../ops/binary.ts";
import { appendCrop } from "../../ops/crop.ts";
import { appendGradients } from "../../ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../ops/graph.ts";
import { appendMeanError, type ErrorFunction } from "../../ops/mean_error.ts";
import type { Shape, Value } from "../../ops/op.ts";
import { withoutUnused } from "../../ops/recomputation.ts";
import { gradientName } from "../training_graphs.ts";
import { type LossName, lossWeights, type SecganLambdas, type TargetName } from "./losses.ts";

/** Scope of the frozen network, as checkpoints of flood-filling networks name it. */
const SEGMENTER_SCOPE = "seed_update";

/** What is built. */
export interface StepGraphOptions {
  readonly model: SecganModel;
  /** Samples that go through the networks at once. */
  readonly microBatch: number;
  readonly lambdas: SecganLambdas;
  /** Blocks of the generators are computed again for the gradients instead of being kept; the first always is. */
  readonly recompute: boolean;
}

/** Input that holds the sum of a variable's gradients so far. */
export function sumName(variable: string): string {
  return `sums/${variable}`;
}

/** Appends the networks of one graph by their names. */
class Networks {
  readonly graph: NetworkGraph;
  readonly #model: SecganModel;
  readonly #batch: number;
  #seed: Value | null = null;

  constructor(builder: GraphBuilder, model: SecganModel, batch: number) {
    this.graph = new NetworkGraph(builder);
    this.#model = model;
    this.#batch = batch;
  }

  image(name: string, edge: number): Value {
    return this.graph.input(name, this.#cube(edge));
  }

  generate(network: "F" | "G", x: Value): Value {
    const scope = new LayerScope(this.graph, SCOPES[network]);
    return appendGenerator(scope, x, this.#model.generator);
  }

  judge(network: "Du" | "Dl" | "Ds", x: Value): Value {
    const scope = new LayerScope(this.graph, SCOPES[network]);
    return appendDiscriminator(scope, x, this.#model.discriminator);
  }

  segment(image: Value): Value {
    this.#seed ??= this.image("seed", this.#model.geometry.fovSize);
    const scope = new LayerScope(this.graph, SEGMENTER_SCOPE);
    return appendSegmenter(scope, image, this.#seed, this.#model.segmenter!);
  }

  #cube(edge: number): Shape {
    return [this.#batch, edge, edge, edge, 1];
  }
}

/** Appends losses, and adds up what is minimised. */
class Losses {
  readonly #graph: GraphBuilder;
  readonly #weights: Readonly<Record<LossName, number>>;
  readonly #pieces: number;

  constructor(graph: GraphBuilder, lambdas: SecganLambdas, pieces: number) {
    this.#graph = graph;
    this.#weights = lossWeights(lambdas);
    this.#pieces = pieces;
  }

  /** Output `loss/<name>` without weight; the result has it, and is a share of the mean over all parts of a batch. */
  append(name: LossName, kind: ErrorFunction, a: Value, b: Value): Value {
    this.#graph.output(`loss/${name}`, appendMeanError(this.#graph, kind, [a, b]));
    return appendMeanError(this.#graph, kind, [a, b], this.#weights[name] / this.#pieces);
  }

  /** The distance of a judgement from its target; outputs `judgement/<name>`, input `target/<name>`. */
  judged(name: TargetName, judgement: Value): Value {
    this.#graph.output(`judgement/${name}`, judgement);
    const target = this.#graph.input(`target/${name}`, judgement.shape);
    return this.append(name, "squared", judgement, target);
  }

  sum(terms: readonly Value[]): Value {
    return terms.reduce((total, term) => appendAdd(this.#graph, total, term));
  }
}

/**
 * Inputs `labeled`, `unlabeled` (cycle size), `pooledLabeled`, `pooledUnlabeled` (the size behind one pass), `seed` with a
 * segmenter, `target/<name>`, and with several `pieces` `sums/<variable>`. Outputs `loss/<name>` `[1]`, `judgement/<name>`,
 * the generated images, and `gradients/<variable>`, those of a part of the batch added to the sums.
 *
 * One sweep over a domain's images gives the gradients of both generators: what F alone shall minimise does not depend on G, nor
 * the reverse, and the cycles count alike in both. What is made of the labeled images is differentiated before the unlabeled ones
 * are looked at, and what is said of a fake before it goes back, so that little has to be kept at a time.
 */
export function stepGraph(
  { model, microBatch, lambdas, recompute }: StepGraphOptions,
  pieces: number,
): Graph {
  const builder = new GraphBuilder();
  const networks = new Networks(builder, model, microBatch);
  const losses = new Losses(builder, lambdas, pieces);
  const { cycleSize, discSize, margin } = model.geometry;
  const labeled = networks.image("labeled", cycleSize);
  const unlabeled = networks.image("unlabeled", cycleSize);
  const small = (value: Value) => appendCrop(builder, value, margin);
  const smallest = (value: Value) => appendCrop(builder, value, 2 * margin);
  const gradients = new Map<string, Value>();
  const segments = recompute ? networks.graph.segments : networks.graph.cheapSegments;
  const differentiate = (
    loss: Value,
    trained: readonly NetworkName[],
    known?: ReadonlyMap<number, Value>,
  ) => {
    const forward = builder.build();
    const wanted = trained.flatMap((network) => networkVariables(model, network))
      .filter((variable) => variable.trained)
      .map(({ name }) => forward.parameters.get(name)!);
    const found = appendGradients(builder, forward, loss, wanted, segments, known);
    for (const { id, name } of wanted) {
      const [before, gradient] = [gradients.get(name), found.get(id)!];
      gradients.set(name, before ? appendAdd(builder, before, gradient) : gradient);
    }
  };
  const cycle = ({ there, back, image, loss, judged }: {
    there: "F" | "G";
    back: "F" | "G";
    image: Value;
    loss: "cycleLabeled" | "cycleUnlabeled";
    judged: (fake: Value) => Value[];
  }) => {
    const fake = networks.generate(there, image);
    const judgement = losses.sum(judged(fake));
    const known = appendGradients(builder, builder.build(), judgement, [fake]);
    const cycled = networks.generate(back, fake);
    differentiate(
      losses.append(loss, "absolute", cycled, smallest(image)),
      ["F", "G"],
      known,
    );
    return { fake, cycled };
  };
  const fromLabeled = cycle({
    ...{ there: "G", back: "F", image: labeled, loss: "cycleLabeled" } as const,
    judged: (fake) => [losses.judged("genG", networks.judge("Du", fake))],
  });
  const fromUnlabeled = cycle({
    ...{ there: "F", back: "G", image: unlabeled, loss: "cycleUnlabeled" } as const,
    judged: (fake) => {
      const seen = model.segmenter ? networks.segment(small(fake)) : null;
      return [
        losses.judged("genF", networks.judge("Dl", fake)),
        ...seen ? [losses.judged("segF", networks.judge("Ds", seen))] : [],
      ];
    },
  });
  builder.output("fakeUnlabeled", fromLabeled.fake);
  builder.output("cycledLabeled", fromLabeled.cycled);
  builder.output("fakeLabeled", fromUnlabeled.fake);
  builder.output("cycledUnlabeled", fromUnlabeled.cycled);
  const pooledUnlabeled = networks.image("pooledUnlabeled", discSize);
  const pooledLabeled = networks.image("pooledLabeled", discSize);
  const discriminate = (
    network: "Du" | "Dl" | "Ds",
    [fakeName, fake]: [TargetName, Value],
    [trueName, truth]: [TargetName, Value],
  ) => {
    const parts = [
      losses.judged(fakeName, networks.judge(network, fake)),
      losses.judged(trueName, networks.judge(network, truth)),
    ];
    differentiate(losses.sum(parts), [network]);
  };
  discriminate("Du", ["fakeU", pooledUnlabeled], ["trueU", small(unlabeled)]);
  discriminate("Dl", ["fakeL", pooledLabeled], ["trueL", small(labeled)]);
  if (model.segmenter) {
    const fake = networks.segment(small(pooledLabeled));
    discriminate("Ds", ["fakeS", fake], ["trueS", networks.segment(smallest(labeled))]);
  }
  for (const [name, value] of gradients) {
    const sum = pieces > 1 ? builder.input(sumName(name), value.shape) : null;
    builder.output(gradientName(name), sum ? appendAdd(builder, value, sum) : value);
  }
  return withoutUnused(builder.build());
}

/** Inputs `labeled` and `unlabeled`, outputs `fakeLabeled` (F of the unlabeled) and `fakeUnlabeled`. */
export function generatorGraph(model: SecganModel, batch: number): Graph {
  const builder = new GraphBuilder();
  const networks = new Networks(builder, model, batch);
  const { cycleSize } = model.geometry;
  const labeled = networks.image("labeled", cycleSize);
  const unlabeled = networks.image("unlabeled", cycleSize);
  builder.output("fakeUnlabeled", networks.generate("G", labeled));
  builder.output("fakeLabeled", networks.generate("F", unlabeled));
  return builder.build();
}
