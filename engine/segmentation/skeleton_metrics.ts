/** A skeleton with the label that a segmentation has at each of its nodes. */
export interface LabelledSkeleton {
  readonly name: string;
  readonly nodes: readonly {
    readonly id: number;
    /** In nanometres. */
    readonly position: readonly [number, number, number];
    readonly parent: number | null;
    /** 0 outside of objects. */
    readonly label: bigint;
  }[];
}

/** How many edges there are of a kind, and how long they are in nanometres. */
export interface EdgeSum {
  readonly edges: number;
  readonly lengthNm: number;
}

/** What a segmentation makes of skeletons. */
export interface SkeletonMetrics {
  /** Both ends in one object that holds no other skeleton. */
  readonly correct: EdgeSum;
  /** The ends lie in two objects. */
  readonly split: EdgeSum;
  /** Both ends in an object that holds nodes of other skeletons too. */
  readonly merge: EdgeSum;
  /** An end lies in no object. */
  readonly omit: EdgeSum;
  /** Expected run length in nanometres: how far one gets from a random place before the first mistake. */
  readonly erlNm: number;
  /** Share of what a perfect segmentation would have. */
  readonly normalisedErl: number;
  readonly skeletons: readonly {
    readonly name: string;
    readonly lengthNm: number;
    readonly erlNm: number;
  }[];
}

type EdgeClass = "correct" | "split" | "merge" | "omit";

/**
 * Sorts the edges of skeletons into correct, split, merged and omitted ones, and measures runs of correct edges.
 *
 * @param minMergeNodes An object counts as merging two skeletons where it holds at least so many nodes of each.
 */
export function skeletonMetrics(
  skeletons: readonly LabelledSkeleton[],
  minMergeNodes = 1,
): SkeletonMetrics {
  const merging = mergingLabels(skeletons, minMergeNodes);
  const sums: Record<EdgeClass, { edges: number; lengthNm: number }> = {
    correct: { edges: 0, lengthNm: 0 },
    split: { edges: 0, lengthNm: 0 },
    merge: { edges: 0, lengthNm: 0 },
    omit: { edges: 0, lengthNm: 0 },
  };
  let [squaredRuns, squaredLengths, total] = [0, 0, 0];
  const each = skeletons.map(({ name, nodes }) => {
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const runs = new Map<bigint, number>();
    let lengthNm = 0;
    for (const node of nodes) {
      if (node.parent === null) continue;
      const parent = byId.get(node.parent)!;
      const edgeNm = Math.hypot(...node.position.map((v, axis) => v - parent.position[axis]));
      const kind: EdgeClass = node.label === 0n || parent.label === 0n
        ? "omit"
        : node.label !== parent.label
        ? "split"
        : merging.has(node.label)
        ? "merge"
        : "correct";
      sums[kind].edges++;
      sums[kind].lengthNm += edgeNm;
      lengthNm += edgeNm;
      if (kind === "correct") runs.set(node.label, (runs.get(node.label) ?? 0) + edgeNm);
    }
    const squared = [...runs.values()].reduce((sum, run) => sum + run ** 2, 0);
    squaredRuns += squared;
    squaredLengths += lengthNm ** 2;
    total += lengthNm;
    return { name, lengthNm, erlNm: lengthNm === 0 ? 0 : squared / lengthNm };
  });
  return {
    ...sums,
    erlNm: total === 0 ? 0 : squaredRuns / total,
    normalisedErl: squaredLengths === 0 ? 0 : squaredRuns / squaredLengths,
    skeletons: each,
  };
}

/** Objects that hold nodes of two and more skeletons. */
function mergingLabels(skeletons: readonly LabelledSkeleton[], minNodes: number): Set<bigint> {
  const holders = new Map<bigint, number>();
  for (const { nodes } of skeletons) {
    const counts = new Map<bigint, number>();
    for (const { label } of nodes) {
      if (label !== 0n) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    for (const [label, count] of counts) {
      if (count >= minNodes) holders.set(label, (holders.get(label) ?? 0) + 1);
    }
  }
  return new Set([...holders].filter(([, count]) => count > 1).map(([label]) => label));
}
