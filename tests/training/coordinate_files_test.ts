import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { decodeCoordinate, encodeCoordinate } from "../../engine/formats/coordinate_record.ts";
import { encodeRecord } from "../../engine/formats/tfrecord.ts";
import { coordinateFiles, readCoordinateFile } from "../../engine/training/coordinate_files.ts";
import { flakyServer } from "../support/flaky_server.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** A gzipped file of `count` coordinates. */
function file(count: number): Uint8Array {
  const records = Array.from(
    { length: count },
    (_, i) => encodeRecord(encodeCoordinate({ center: [i, 7 * i % 1000, i % 13], volume: "v" })),
  );
  return Uint8Array.from(gzipSync(new Uint8Array(records.flatMap((record) => [...record]))));
}

Deno.test("coordinateFiles() expands paths, globs, shards and addresses, each pattern by itself", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["b1.gz", "b0.gz", "c.gz"]) await Deno.writeTextFile(folder.of(name), "");
  deepStrictEqual(await coordinateFiles(`${folder.of("b*.gz")}, ${folder.of("c.gz")}`), [
    [folder.of("b0.gz"), folder.of("b1.gz")],
    [folder.of("c.gz")],
  ]);
  deepStrictEqual(await coordinateFiles("c@2.gz"), [[
    "c-00000-of-00002.gz",
    "c-00001-of-00002.gz",
  ]]);
  const bucket = "https://storage.googleapis.com/bucket";
  deepStrictEqual(await coordinateFiles("gs://bucket/c-*-of-00002.gz,gs://bucket/d.gz"), [
    [`${bucket}/c-00000-of-00002.gz`, `${bucket}/c-00001-of-00002.gz`],
    [`${bucket}/d.gz`],
  ]);
  await rejects(coordinateFiles(folder.of("none*")), /no coordinate file is ".*none\*"/);
  await rejects(coordinateFiles("https://x.org/a*.gz"), /only -\*-of-NNNNN can be expanded/);
  await rejects(coordinateFiles(" , "), /--train-coords names no file/);
});

Deno.test("readCoordinateFile() reads from a server whose connections break off", async () => {
  const data = file(5000);
  await using server = flakyServer([["/c.gz", data]], { breaksAfter: [4000, 9000] });
  let i = 0;
  for await (const record of readCoordinateFile(`${server.url}/c.gz`)) {
    deepStrictEqual(decodeCoordinate(record.data, "c").center, [i, 7 * i % 1000, i % 13]);
    i++;
  }
  strictEqual(i, 5000);
  ok(server.requests.length === 3, server.requests.join("; "));
  await rejects(readCoordinateFile(`${server.url}/d.gz`).next(), /d.gz": the server answers 404/);
});
