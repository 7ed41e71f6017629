import { deepStrictEqual, throws } from "node:assert/strict";
import { parseSwc } from "../../engine/formats/swc.ts";
import {
  type LabelledSkeleton,
  skeletonMetrics,
} from "../../engine/segmentation/skeleton_metrics.ts";

/** Skeletons of vector T17: position xyz, label and parent of each node. */
function skeletons(lastOfB: bigint): LabelledSkeleton[] {
  const tree = (name: string, rows: [number, number, number, bigint, number | null][]) => ({
    name,
    nodes: rows.map(([x, y, z, label, parent], id) => ({
      ...{ id, label, parent, position: [x, y, z] as const },
    })),
  });
  return [
    tree("A", [
      [0, 0, 0, 1n, null],
      [100, 0, 0, 1n, 0],
      [200, 0, 0, 1n, 1],
      [300, 0, 0, 2n, 2],
      [400, 0, 0, 2n, 3],
      [500, 0, 0, 0n, 4],
      [200, 150, 0, 1n, 2],
    ]),
    tree("B", [
      [0, 400, 0, 3n, null],
      [80, 460, 0, 3n, 0],
      [160, 520, 0, 3n, 1],
      [160, 620, 0, lastOfB, 2],
    ]),
  ];
}

const figures = (lastOfB: bigint, minMergeNodes?: number) => {
  const m = skeletonMetrics(skeletons(lastOfB), minMergeNodes);
  return {
    edges: [m.correct, m.split, m.merge, m.omit].map((sum) => [sum.edges, sum.lengthNm]),
    erl: [...m.skeletons.map(({ erlNm }) => erlNm), m.erlNm].map((nm) => nm.toFixed(6)),
    normalised: m.normalisedErl.toFixed(6),
    lengths: m.skeletons.map(({ lengthNm }) => lengthNm),
  };
};

Deno.test("skeletonMetrics() gives the recorded figures (T17)", () => {
  const asGiven = {
    edges: [[6, 650], [2, 200], [0, 0], [1, 100]],
    erl: ["203.846154", "133.333333", "181.578947"],
    normalised: "0.336585",
    lengths: [650, 300],
  };
  deepStrictEqual(figures(4n), asGiven);
  deepStrictEqual(figures(1n), {
    edges: [[3, 300], [2, 200], [3, 350], [1, 100]],
    erl: ["15.384615", "133.333333", "52.631579"],
    normalised: "0.097561",
    lengths: [650, 300],
  });
  deepStrictEqual(figures(1n, 2), asGiven);
});

Deno.test("skeletonMetrics() of nothing is 0, of a perfect segmentation 1", () => {
  deepStrictEqual(skeletonMetrics([]).normalisedErl, 0);
  const perfect = skeletons(3n).map(({ name, nodes }) => ({
    name,
    nodes: nodes.map((node) => ({ ...node, label: name === "A" ? 7n : 8n })),
  }));
  const { normalisedErl, erlNm } = skeletonMetrics(perfect);
  deepStrictEqual([normalisedErl, erlNm.toFixed(6)], [1, "539.473684"]);
});

Deno.test("parseSwc() reads nodes, comments and several roots, and refuses damage", () => {
  const text = "# a neuron\n 1 2 10.5 20 30 1.0 -1\n\n2 2 1e2 0 0 1 1 # end\n5 0 0 0 0 1 -1\n";
  deepStrictEqual(parseSwc(text, "a.swc"), [
    { id: 1, position: [10.5, 20, 30], parent: null },
    { id: 2, position: [100, 0, 0], parent: 1 },
    { id: 5, position: [0, 0, 0], parent: null },
  ]);
  for (
    const [bad, message] of [
      ["1 2 3 4 5 6", /line 1 must be "id type x y z radius parent", current "1 2 3 4 5 6"/],
      ["1 2 x 4 5 6 -1", /line 1/],
      ["1 0 0 0 0 1 -1\n1 0 0 0 0 1 -1", /node 1 comes twice, again in line 2/],
      ["1 0 0 0 0 1 7", /node 1 has parent 7, which is not there/],
      ["1 0 0 0 0 1 2\n2 0 0 0 0 1 1", /node 1 is its own ancestor/],
    ] as const
  ) throws(() => parseSwc(bad, "b.swc"), { name: "FormatError", message });
});
