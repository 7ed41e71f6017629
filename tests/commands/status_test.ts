import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Batch, joinBatch, openBatch } from "../../engine/cluster/batch.ts";
import { BatchWatch } from "../../engine/cluster/batch_status.ts";
import { BoxFailures } from "../../engine/cluster/box_failures.ts";
import { diskLeaseFiles } from "../../engine/cluster/lease_files.ts";
import { Leases } from "../../engine/cluster/leases.ts";
import { writeSubvolume } from "../support/inference_results.ts";
import { ffn } from "../support/cli.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

/** A batch of 10 boxes along x: 3 finished, a minute apart, 2 leased, 1 of them silent, 2 failed, 1 of them for good. */
async function staged(folder: TemporaryFolder): Promise<Batch> {
  const batch = new Batch({
    outer: { start: [0, 0, 0], size: [4, 4, 40] },
    subvolumeSize: [null, null, 4],
    overlap: [0, 0, 0],
    includeSmall: false,
    backShift: false,
    outputDirs: [folder.path],
  });
  await joinBatch(batch);
  for (const index of [0, 1, 2]) {
    await writeSubvolume(folder.path, batch.boxes.at(index), new Uint8Array(64));
    const at = new Date(Date.UTC(2026, 0, 1, 12, index));
    await Deno.utime(batch.resultOf(index), at, at);
  }
  const leases = new Leases(batch.folder, { owner: "alive", leaseMs: 60_000 });
  await leases.claim(batch.nameOf(3));
  const silent = await new Leases(batch.folder, { owner: "gone", leaseMs: 60_000 })
    .claim(batch.nameOf(4));
  const file = join(batch.folder, "leases", batch.nameOf(4), silent!.id, "owner");
  await Deno.utime(file, new Date(0), new Date(0));
  const failures = new BoxFailures(batch.folder, diskLeaseFiles);
  for (const id of ["a", "b", "c"]) {
    const failure = {
      box: batch.nameOf(5),
      kind: "error",
      message: `bad ${id}`,
      owner: "w",
    } as const;
    await failures.add(id, failure);
  }
  await failures.add("d", { box: batch.nameOf(6), kind: "lost", message: "silent", owner: "v" });
  // A box that failed first and was finished then is no failure.
  await failures.add("e", { box: batch.nameOf(0), kind: "error", message: "once", owner: "v" });
  return batch;
}

const NOW = Date.UTC(2026, 0, 1, 12, 30);

Deno.test("BatchWatch.look() counts boxes by what has become of them", async () => {
  await using folder = await temporaryFolder();
  await staged(folder);
  const batch = await openBatch(folder.path);
  const watch = new BatchWatch(batch, { leaseMs: 60_000, maxAttempts: 3 });
  const { leased, failures, ...rest } = await watch.look(NOW);
  deepStrictEqual(rest, {
    boxes: 10,
    finished: 3,
    expired: ["16_0_0"],
    failed: ["20_0_0"],
    retrying: ["24_0_0"],
    boxesPerHour: 60,
    remainingSec: 6 * 60,
  });
  deepStrictEqual(leased.map(({ box, owner }) => [box, owner]), [["12_0_0", "alive"]]);
  deepStrictEqual(failures.map(({ box, message }) => [box, message]), [
    ["20_0_0", "bad c"],
    ["24_0_0", "silent"],
  ]);
  await writeSubvolume(folder.path, batch.boxes.at(7), new Uint8Array(64));
  strictEqual((await watch.look(NOW)).finished, 4);
});

Deno.test("ffn status prints the counts, the errors, and JSON", async () => {
  await using folder = await temporaryFolder();
  await staged(folder);
  const { code, stdout, stderr } = await ffn("status", folder.path, "--worst", "1");
  strictEqual(code, 0, stderr);
  strictEqual(
    stdout,
    [
      "3 of 10 subvolumes finished (30.0 %)",
      "1 in work by 1 workers, 5 waiting, 1 failed",
      "1 left by workers that fell silent",
      "1 to be tried again",
      "20_0_0: bad c (w)",
      "",
    ].join("\n"),
  );
  const json = JSON.parse((await ffn("status", folder.path, "--json")).stdout);
  deepStrictEqual([json.boxes, json.finished, json.failed], [10, 3, ["20_0_0"]]);
});

Deno.test("ffn status --watch ends when nothing is left, and says where there is no batch", async () => {
  await using folder = await temporaryFolder();
  const batch = await staged(folder);
  const watching = ffn("status", folder.path, "--watch", "--every", "0.1");
  for (const index of [3, 4, 6, 7, 8, 9]) {
    await writeSubvolume(folder.path, batch.boxes.at(index), new Uint8Array(64));
  }
  match(
    (await watching).stdout,
    /9 of 10 subvolumes finished \(90\.0 %\).*\n.*1 failed\n[^\n]*\n?[^\n]*bad c/,
  );
  const { code, stderr } = await ffn("status", folder.of("nothing"));
  strictEqual(code, 1);
  match(stderr, /Cannot find a batch in ".*nothing": no file/);
});
