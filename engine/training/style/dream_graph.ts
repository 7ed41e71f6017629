/** The graph of a step that changes an image until a frozen network sees in it what it shall see. */
import type { Model } from "../../models/model.ts";
import { appendGradients } from "../../ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../ops/graph.ts";
import { sigmoidCrossEntropy } from "../../ops/sigmoid_cross_entropy.ts";
import { gradientName } from "../training_graphs.ts";

/**
 * Inputs `image`, `seed` (logits), `labels` and `weights`, and the network's parameters; outputs `logits`, `loss` `[1]` and
 * `gradients/image`. All but the loss are `[1, z, y, x, 1]` of the model's field of view.
 */
export function dreamGraph(model: Model): Graph {
  const network = model.build(1);
  const graph = GraphBuilder.continue(network);
  const logits = network.outputs.get("logits")!;
  const [labels, weights] = ["labels", "weights"].map((name) => graph.input(name, logits.shape));
  const [loss] = graph.call(sigmoidCrossEntropy, [logits, labels, weights]);
  graph.output("loss", loss);
  const image = network.inputs.get("image")!;
  const gradients = appendGradients(graph, graph.build(), loss, [image]);
  graph.output(gradientName(image.name), gradients.get(image.id)!);
  return graph.build();
}
