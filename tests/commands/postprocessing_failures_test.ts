/** What can go wrong between inferences and merges: said clearly, nothing lost, and the same command goes on afterwards. */
import { deepStrictEqual, match } from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { Box } from "../../engine/geometry/box.ts";
import { encodeMergeTable } from "../../engine/resegmentation/merge_table.ts";
import { subvolumePath } from "../../engine/segmentation/subvolume_paths.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { ffn } from "../support/cli.ts";
import { DvidStandIn } from "../support/dvid_stand_in.ts";
import { writeSubvolume } from "../support/inference_results.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const BOXES: Box[] = [
  { start: [0, 0, 0], size: [1, 1, 8] },
  { start: [0, 0, 4], size: [1, 1, 8] },
];

/** One inference, an object from end to end under another id in each box. */
async function inference(dir: string): Promise<void> {
  await writeSubvolume(dir, BOXES[0], new Uint8Array(8).fill(3));
  await writeSubvolume(dir, BOXES[1], new Uint8Array(8).fill(9));
}

async function labelsOf(spec: string): Promise<number[]> {
  await using volume = await open(spec);
  return [...await volume.read(wholeBox(volume))].map(Number);
}

Deno.test("ffn run-consensus waits for subvolumes that are missing or unfinished, then combines", async () => {
  await using folder = await temporaryFolder();
  const dir = folder.of("a"), output = folder.of("o.h5");
  await inference(dir);
  const combine = () => ffn("run-consensus", output, "--segmentation-dirs", dir);
  const refused = async (message: RegExp) => {
    const { code, stderr } = await combine();
    match(stderr, message);
    deepStrictEqual([code, existsSync(output), existsSync(`${output}.assembly`)], [
      1,
      false,
      false,
    ]);
  };
  const result = subvolumePath(dir, BOXES[1].start, "npz");
  const begun = subvolumePath(dir, BOXES[1].start, "cpoint");
  await Deno.rename(result, begun);
  await refused(/^ffn run-consensus: Cannot .*seg-4_0_0/);
  await Deno.remove(begun);
  await refused(/^ffn run-consensus: Cannot .*4\/0/);
  await Deno.remove(dirname(begun));
  await writeSubvolume(dir, BOXES[1], new Uint8Array(8).fill(9));
  deepStrictEqual((await combine()).code, 0);
  deepStrictEqual(await labelsOf(`${output}:seg`), new Array(12).fill(1));
});

Deno.test("ffn run-consensus keeps its work where a result is torn, and continues once it is whole", async () => {
  await using folder = await temporaryFolder();
  const dir = folder.of("a"), output = folder.of("o.h5");
  await inference(dir);
  const path = subvolumePath(dir, BOXES[1].start, "npz");
  const whole = await Deno.readFile(path);
  // The directory at the end still tells shapes; what a member holds is damaged.
  const torn = whole.slice();
  torn.fill(0xff, 30, 120);
  await Deno.writeFile(path, torn);
  const combine = () => ffn("run-consensus", output, "--segmentation-dirs", dir);
  const { code, stderr } = await combine();
  deepStrictEqual([code, existsSync(output)], [1, false]);
  match(stderr, /^ffn run-consensus: Cannot .*seg-4_0_0\.npz/);
  await Deno.writeFile(path, whole);
  deepStrictEqual((await combine()).code, 0);
  deepStrictEqual(existsSync(`${output}.assembly`), false);
  deepStrictEqual(await labelsOf(`${output}:seg`), new Array(12).fill(1));
});

Deno.test("ffn run-consensus refuses labels of another shape at the same corner", async () => {
  await using folder = await temporaryFolder();
  await inference(folder.of("a"));
  await inference(folder.of("b"));
  await writeSubvolume(folder.of("b"), { start: [0, 0, 4], size: [1, 2, 4] }, new Uint8Array(8));
  const { code, stderr } = await ffn(
    ...["run-consensus", folder.of("o.h5"), "--segmentation-dirs", folder.of("a"), folder.of("b")],
  );
  deepStrictEqual([code, existsSync(folder.of("o.h5"))], [1, false]);
  match(stderr, /^ffn run-consensus: Cannot combine/);
});

Deno.test("ffn run-consensus takes ids beyond the dtype of its output", async () => {
  await using folder = await temporaryFolder();
  const wide = (...ids: bigint[]) => BigUint64Array.from(ids);
  const big = 2n ** 63n;
  for (const [dir, add] of [["a", 0n], ["b", 5n]] as const) {
    const ids = [big, big, big + 1n, big + 1n, 0n, 2n ** 40n, 2n ** 32n, 1n].map((id) =>
      id === 0n ? id : id + add
    );
    await writeSubvolume(folder.of(dir), BOXES[0], wide(...ids));
  }
  const { code, stderr } = await ffn(
    ...["run-consensus", folder.of("o.h5"), "--segmentation-dirs", folder.of("a"), folder.of("b")],
  );
  deepStrictEqual(code, 0, stderr);
  deepStrictEqual(await labelsOf(`${folder.of("o.h5")}:seg`), [1, 1, 2, 2, 0, 3, 4, 5]);
});

Deno.test("ffn automerge keeps the mapping when the server fails in the middle, and a rerun sends the rest", async () => {
  await using folder = await temporaryFolder();
  const at = [0, 0, 0] as const;
  const edge = (idA: bigint, idB: bigint) => ({
    ...{ idA, idB, positionA: at, positionB: at, score: 0.9 },
  });
  const table = encodeMergeTable([edge(1n, 2n), edge(3n, 4n), edge(5n, 6n)]);
  await Deno.writeFile(folder.of("t.npy"), new Blob(table as BlobPart[]).stream());
  await using server = await DvidStandIn.start([1n, 2n, 3n, 4n, 5n, 6n]);
  const merge = () =>
    ffn(
      ...["automerge", "--affinities-npy", folder.of("t.npy"), "--threshold", "0.5"],
      ...["--mappings-output", folder.of("m.csv"), "--post", server.url],
    );
  const mapping = "supervoxel,body\n1,1\n2,1\n3,3\n4,3\n5,5\n6,5\n";
  server.troubles.push({ status: 500, text: "disk" }, { status: 400, text: "no such label" });
  const failed = await merge();
  deepStrictEqual(failed.code, 1);
  match(failed.stderr, /ffn automerge: Cannot .*400 "no such label"/);
  deepStrictEqual(await Deno.readTextFile(folder.of("m.csv")), mapping);
  // The mapping of before is replaced by the same one.
  const resumed = await merge();
  deepStrictEqual(resumed.code, 0, resumed.stderr);
  match(resumed.stdout, /3 bodies merged, \d of them before/);
  deepStrictEqual(server.merges, ["[1,2]", "[3,4]", "[5,6]"]);
});

Deno.test("ffn run-resegmentation analyze never writes over affinities that are there", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.of("t.npy"), "precious");
  const { code, stderr } = await ffn(
    ...["run-resegmentation", "analyze", "--affinities-npy", folder.of("t.npy")],
  );
  deepStrictEqual(code, 1);
  match(stderr, /Cannot write affinities to ".*t.npy": it exists, remove it first/);
  deepStrictEqual(await Deno.readTextFile(folder.of("t.npy")), "precious");
});
