import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { GraphUpdater } from "../../../engine/viewers/proofreading/graph_updater.ts";
import { ObjectClassification } from "../../../engine/viewers/proofreading/object_classification.ts";
import { ObjectReview } from "../../../engine/viewers/proofreading/object_review.ts";
import {
  parseReviewItems,
  type ReviewItem,
  ReviewList,
} from "../../../engine/viewers/proofreading/review_list.ts";

const ITEMS: ReviewItem[] = [
  { ids: [5n], location: [1, 2, 3] },
  { ids: [9n, 2n] },
  { ids: [2n ** 60n] },
  { ids: [7n] },
  { ids: [8n] },
];

Deno.test("ReviewList goes through items in batches and stays inside", () => {
  const list = new ReviewList(ITEMS, { prefetch: 2 });
  deepStrictEqual([list.shown, list.location, list.status()], [
    [5n],
    [1, 2, 3],
    "index:0/5  batch:1",
  ]);
  list.previous();
  deepStrictEqual(list.index, 0);
  deepStrictEqual(list.upcoming, [
    { ids: [2n, 9n], priority: -1 },
    { ids: [2n ** 60n], priority: -2 },
  ]);
  list.doubleBatch();
  deepStrictEqual([list.shown, list.location], [[2n, 5n, 9n], null]);
  deepStrictEqual(list.upcoming.map(({ ids }) => ids), [[7n, 2n ** 60n], [8n]]);
  list.next();
  list.next();
  deepStrictEqual([list.index, list.shown], [4, [8n]]);
  list.next();
  deepStrictEqual([list.index, list.upcoming], [4, []]);
  list.halveBatch();
  list.halveBatch();
  deepStrictEqual(list.batch, 1);
  list.goTo(1);
  deepStrictEqual([list.shown, list.location], [[2n, 9n], null]);
  throws(() => new ReviewList([]), {
    name: "RangeError",
    message: "Cannot review objects: the list needs at least one item, current are 0",
  });
});

Deno.test("parseReviewItems() reads ids, places and comments", () => {
  const text = "# to look at\n5 @ 1,2,3\n9, 2 # two\n\n1152921504606846976\n";
  deepStrictEqual(parseReviewItems(text, "todo.txt"), ITEMS.slice(0, 3));
  for (const line of ["a", "1 @ 2,3", "-4", "1.5"]) {
    throws(() => parseReviewItems(`7\n${line}`, "todo.txt"), {
      name: "SyntaxError",
      message:
        `Cannot read "todo.txt": line 2 must be ids and perhaps @ Z,Y,X, current is "${line}"`,
    });
  }
});

Deno.test("ObjectReview marks one item at a time, and what was deselected", () => {
  const review = new ObjectReview(ITEMS, { bad: [[7n]] });
  review.list.doubleBatch();
  review.markBad();
  deepStrictEqual([review.bad, review.list.index], [[[7n]], 0]);
  review.markRemoved(new Set([5n, 9n]));
  review.list.halveBatch();
  review.list.next();
  review.markBad();
  deepStrictEqual([review.bad, review.list.index], [[[7n], [2n], [9n, 2n]], 2]);
  strictEqual(review.status, "index:2/5  batch:1  bad:3");
  deepStrictEqual(review.equivalences, []);
  review.toggleJoined();
  review.list.previous();
  deepStrictEqual(review.equivalences, [[9n, 2n]]);
});

Deno.test("ObjectClassification keeps an object in one class only", () => {
  const classes = new ObjectClassification(ITEMS, ["axon", "glia"]);
  classes.classify("axon");
  classes.classify("glia");
  deepStrictEqual(classes.results, new Map([["axon", [5n]], ["glia", [2n, 9n]]]));
  classes.list.goTo(0);
  strictEqual(classes.status, "index:0/5  batch:1  axon");
  classes.classify("glia");
  deepStrictEqual(classes.results, new Map([["axon", []], ["glia", [2n, 5n, 9n]]]));
  classes.unclassify();
  deepStrictEqual(classes.results, new Map([["axon", []], ["glia", [5n]]]));
  throws(() => classes.classify("soma"), {
    name: "RangeError",
    message: 'Cannot classify as "soma": the classes are axon, glia',
  });
});

Deno.test("GraphUpdater joins, cuts on the shortest path and isolates", () => {
  const graph = new GraphUpdater([[1n, 2n], [2n, 3n], [3n, 4n], [1n, 9n], [9n, 4n]], ITEMS);
  deepStrictEqual(graph.componentsOf([3n]), [1n, 2n, 3n, 4n, 9n]);
  deepStrictEqual([graph.pick(2n), graph.pick(4n)], [false, true]);
  deepStrictEqual(graph.splitShown, [2n]);
  graph.extendSplit();
  graph.extendSplit();
  deepStrictEqual(graph.splitShown, [2n, 3n]);
  graph.shortenSplit();
  graph.extendSplit();
  graph.cut();
  deepStrictEqual(graph.edges, [[1n, 2n], [1n, 9n], [2n, 3n], [4n, 9n]]);
  deepStrictEqual(graph.splitShown, []);
  graph.cut();
  deepStrictEqual(graph.edges.length, 4);
  // The other way round the ring is left.
  graph.pick(3n);
  deepStrictEqual(graph.pick(4n), true);
  graph.clearSplit();
  graph.isolate([2n, 3n]);
  deepStrictEqual(graph.edges, [[1n, 9n], [2n, 3n], [4n, 9n]]);
  deepStrictEqual([graph.pick(3n), graph.pick(4n)], [false, false]);
  graph.merge([4n, 5n, 6n]);
  deepStrictEqual(graph.componentsOf([6n]), [1n, 4n, 5n, 6n, 9n]);
});
