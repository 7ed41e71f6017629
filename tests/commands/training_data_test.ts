import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { decodeCoordinate } from "../../engine/formats/coordinate_record.ts";
import { Hdf5File } from "../../engine/volumes/hdf5_file.ts";
import { createHdf5 } from "../../engine/volumes/hdf5_writer.ts";
import { open } from "../../engine/volumes/open.ts";
import { readRecordFile } from "../../engine/volumes/record_file.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Vector P5 of spec/training.md, as a file. */
async function writeLabels(path: string, attributes = {}): Promise<void> {
  const data = new BigInt64Array(120);
  data.forEach((_, i) => {
    const [x, y, z] = [i % 6, Math.floor(i / 6) % 5, Math.floor(i / 30)];
    data[i] = BigInt(Math.floor((x + 2 * y + 3 * z) / 4) % 3);
  });
  await using writer = await createHdf5(path, {
    dataset: "stack",
    shape: [4, 5, 6],
    dtype: "int64",
    attributes,
  });
  await writer.write({ start: [0, 0, 0], size: [4, 5, 6] }, data);
  await writer.commit();
}

const P5 = ["--lom_radius", "1,2,1", "--thresholds", "0.2,0.35,0.5", "--min_size", "1"];

Deno.test("ffn compute-partitions writes the file of vector P5", async () => {
  await using folder = await temporaryFolder();
  const [input, output] = [folder.of("labels.h5"), folder.of("af.h5")];
  await writeLabels(input);
  const volumes = ["--input_volume", `${input}:stack`, "--output_volume", `${output}:af`];
  const result = await ffn("compute-partitions", ...volumes, ...P5);
  strictEqual(result.code, 0, result.stderr);
  match(result.stdout, /class 3 +5 voxels/);
  await using volume = await open(`${output}:af`);
  const data = await volume.read(wholeBox(volume)) as Uint8Array;
  const expected = new Uint8Array(120).fill(255);
  expected.set([3, 3, 3, 3], 30 + 2 * 6 + 1);
  expected.set([3, 0, 0, 0], 60 + 2 * 6 + 1);
  deepStrictEqual(data, expected);
  await using file = await Hdf5File.open(output);
  const attributes = await file.call("read", "attributes", { dataset: "af" });
  deepStrictEqual(attributes, {
    bounding_boxes: { shape: [1, 2, 3], values: [1n, 2n, 1n, 4n, 1n, 2n] },
    partition_counts: { shape: [2, 2], values: [0n, 3n, 3n, 5n] },
  });
  const again = await ffn("compute-partitions", ...volumes, ...P5);
  strictEqual(again.code, 1);
  match(again.stderr, /the dataset exists/);
  strictEqual((await ffn("compute-partitions", ...volumes, ...P5, "--overwrite")).code, 0);
});

Deno.test("ffn compute-partitions shrinks the boxes of its input and drops those of which nothing is left", async () => {
  await using folder = await temporaryFolder();
  const [input, output] = [folder.of("labels.h5"), folder.of("af.h5")];
  const boxes = [0n, 0n, 0n, 5n, 5n, 5n];
  await writeLabels(input, {
    bounding_boxes: { shape: [1, 2, 3], values: boxes },
    bounding_boxes_2: { shape: [1, 2, 3], values: [1n, 2n, 3n, 2n, 9n, 9n] },
  });
  const volumes = ["--input_volume", `${input}:stack`, "--output_volume", `${output}:af`];
  const flags = ["--lom_radius", "1,1,1", "--thresholds", "0.2", "--min_size", "1"];
  strictEqual((await ffn("compute-partitions", ...volumes, ...flags)).code, 0);
  await using file = await Hdf5File.open(output);
  const { bounding_boxes } = await file.call("read", "attributes", { dataset: "af" });
  deepStrictEqual(bounding_boxes, { shape: [1, 2, 3], values: [1n, 1n, 1n, 3n, 3n, 3n] });
});

Deno.test("ffn compute-partitions refuses bad flags and volumes in one line and leaves no file", async () => {
  await using folder = await temporaryFolder();
  const input = folder.of("labels.h5");
  await writeLabels(input);
  const volumes = ["--input_volume", `${input}:stack`, "--output_volume", folder.of("af.h5:af")];
  const cases: [string[], RegExp][] = [
    [["--lom_radius", "1,2"], /three integers of 0 or more in the order x,y,z/],
    [["--lom_radius", "1,2,1"], /no label has min_size 10000 voxels, the largest of 2 has \d+/],
    [["--lom_radius", "3,2,1", "--min_size", "1"], /leaves nothing of size xyz 6,5,4/],
    [["--lom_radius", "1,2,1", "--id_whitelist", "a"], /integers separated by commas/],
    [["--lom_radius", "1,2,1", "--exclusion_regions", "1:2:3"], /x:y:z:radius/],
    [["--lom_radius", "1,2,1", "--mask_configs", "masks { image { } }"], /only labels are given/],
    [[], /Cannot run without --lom-radius/],
  ];
  for (const [flags, message] of cases) {
    const { code, stderr } = await ffn("compute-partitions", ...volumes, ...flags);
    strictEqual(code === 0, false, flags.join(" "));
    match(stderr, message);
    match(stderr, /^[^\n]*\n$|transforms|labels have/);
  }
  deepStrictEqual([...Deno.readDirSync(folder.path)].map((entry) => entry.name), ["labels.h5"]);
});

Deno.test("ffn build-coordinates writes the records of both volumes, the same for a seed", async () => {
  await using folder = await temporaryFolder();
  const output = folder.of("af.h5");
  await writeLabels(folder.of("labels.h5"));
  const flags = [
    "--input_volume",
    `${folder.of("labels.h5")}:stack`,
    "--output_volume",
    `${output}:af`,
  ];
  strictEqual((await ffn("compute-partitions", ...flags, ...P5)).code, 0);
  const build = (name: string, seed: string) =>
    ffn(
      "build-coordinates",
      ...["--partition_volumes", `a:${output}:af,b:${output}:af`],
      ...["--coordinate_output", folder.of(name), "--margin", "1,2,1", "--seed", seed],
    );
  const result = await build("c1.gz", "7");
  strictEqual(result.code, 0, result.stderr);
  // Class 3 has 5 voxels in each volume, class 0 has 3.
  match(result.stdout, /class +3 10 voxels, each 1.00 times/);
  match(result.stdout, /20 records in .*c1\.gz, seed 7/);
  const records = await Array.fromAsync(readRecordFile(folder.of("c1.gz")));
  const centers = records.map(({ data }) => decodeCoordinate(data, "c1.gz"));
  strictEqual(centers.filter(({ volume }) => volume === "a").length >= 9, true);
  strictEqual(centers.every(({ center: [z, y] }) => (z === 1 || z === 2) && y === 2), true);
  await build("c2.gz", "7");
  await build("c3.gz", "8");
  const [one, two, three] = await Promise.all(
    ["c1.gz", "c2.gz", "c3.gz"].map((name) => Deno.readFile(folder.of(name))),
  );
  deepStrictEqual(one, two);
  strictEqual(one.every((byte, i) => byte === three[i]), false);
  const first = await ffn(
    "build-coordinates",
    ...["--partition_volumes", `a:${output}:af,b:${output}:af`, "--records", "5"],
    ...["--coordinate_output", folder.of("c5.gz"), "--margin", "1,2,1", "--seed", "7"],
  );
  match(first.stdout, /^5 records in /m);
  const five = await Array.fromAsync(readRecordFile(folder.of("c5.gz")));
  deepStrictEqual(five, records.slice(0, 5));
  const bad = await ffn("build-coordinates", "--partition_volumes", "a.h5:af");
  strictEqual(bad.code, 2);
});
