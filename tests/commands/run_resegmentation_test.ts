import { deepStrictEqual, match } from "node:assert/strict";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { readMergeTable } from "../../engine/resegmentation/merge_table.ts";
import { readResegmentationRequest } from "../../engine/resegmentation/request.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { ffn } from "../support/cli.ts";
import { DvidStandIn } from "../support/dvid_stand_in.ts";
import { randomVariables, smallModel } from "../support/small_networks.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const SIZE: Zyx = [20, 24, 28];

/** An image, labels of three objects in a row along x, a random network and a request that names them. */
async function prepare(folder: TemporaryFolder): Promise<string[]> {
  const image = new Uint8Array(volumeOf(SIZE)).map((_, i) => i * 37);
  const labels = new Uint16Array(volumeOf(SIZE)).map((_, i) => 5 + Math.floor(i % 28 / 11));
  const path = folder.of("volumes.npz");
  const volumes = [
    { name: "raw", value: { dtype: "uint8", shape: SIZE, data: image } },
    { name: "labels", value: { dtype: "uint16", shape: SIZE, data: labels } },
  ] as const;
  await Deno.writeFile(path, await encodeNpz(volumes));
  const source = randomVariables(smallModel([5, 5, 5], [2, 2, 2]), 8);
  const variables = new Map<string, Awaited<ReturnType<typeof source.read>>>();
  for (const name of source.variables.keys()) variables.set(name, await source.read(name));
  await writeCheckpoint(folder.of("model.ckpt-1"), variables);
  await Deno.writeTextFile(
    folder.of("inference.pbtxt"),
    `image { hdf5: "${path}:raw" } image_mean: 128 image_stddev: 33
    model_name: "convstack_3d.ConvStack3DFFNModel" model_checkpoint_path: "${
      folder.of("model.ckpt-1")
    }"
    model_args: '{"depth": 2, "features": 8, "fov_size": [5, 5, 5], "deltas": [2, 2, 2]}'
    seed_policy: "PolicyPeaks" concurrent_requests: 2 batch_size: 2
    segmentation_output_dir: "${folder.of("unused")}"
    inference_options {
      init_activation: 0.95 pad_value: 0.05 move_threshold: 0.3 segment_threshold: 0.6 min_segment_size: 1
    }`,
  );
  return [
    ...["--resegmentation-request", folder.of("reseg.pbtxt")],
    ...["--inference-request", folder.of("inference.pbtxt")],
    ...["--init-segmentation", `${path}:labels`, "--output-directory", folder.of("points")],
    ...["--radius", "7", "--backend", "wasm", "--threads", "1"],
  ];
}

Deno.test("ffn run-resegmentation and automerge go from labels to merges on a server", async () => {
  await using folder = await temporaryFolder();
  const flags = await prepare(folder);
  const request = flags.slice(0, 2);
  const built = await ffn("run-resegmentation", "build_req", ...flags);
  deepStrictEqual(built.code, 0, built.stderr);
  match(built.stdout, /2 pairs among 3 objects, of 3 possible ones/);
  const { points, analysisRadius } = await readResegmentationRequest(request[1]);
  deepStrictEqual(points?.map(({ idA, idB }) => [idA, idB]), [[5n, 6n], [6n, 7n]]);
  deepStrictEqual(analysisRadius, { x: 5n, y: 5n, z: 5n });

  const other = await ffn(
    "run-resegmentation",
    "build-req",
    ...flags,
    "--detector",
    "decision-points",
  );
  match(other.stdout, /2 pairs among 3 objects/);
  const middle = (await readResegmentationRequest(request[1])).points?.map(({ point }) => point?.y);
  deepStrictEqual(middle, [11n, 11n]);
  await ffn("run-resegmentation", "build-req", ...flags);

  // The first nearest voxels lie in a corner of the volume, where there is no room; put one point into the middle.
  const text = await Deno.readTextFile(request[1]);
  await Deno.writeTextFile(
    request[1],
    text.replace(/point \{[^}]*\}/, "point { x: 11 y: 12 z: 10 }"),
  );
  const run = await ffn("run-resegmentation", "run", ...request, "--backend", "wasm");
  deepStrictEqual(run.code, 0, run.stderr);
  match(run.stdout, /1 points done, 0 were there, 1 left out/);
  const again = await ffn("run-resegmentation", "run", ...request, "--backend", "wasm");
  match(again.stdout, /0 points done, 2 were there, 0 left out/);

  const affinities = [
    ...["--affinities-npy", folder.of("a.npy"), "--annotations", folder.of("judged")],
  ];
  const analysed = await ffn("run-resegmentation", "analyze", ...request, ...affinities);
  deepStrictEqual(analysed.code, 0, analysed.stderr);
  match(analysed.stdout, /1 pairs judged, 1 left out/);
  const rows = await readMergeTable(folder.of("a.npy"));
  deepStrictEqual(rows.map(({ idA, idB }) => [idA, idB]), [[5n, 6n]]);
  deepStrictEqual(await readMergeTable(folder.of("a.csv")), rows);
  match(
    await Deno.readTextFile(folder.of("a_evaluations.csv")),
    /^id_a,id_b,x,y,z,iou,.*\n5,6,11,/,
  );
  const judged = new DataView((await Deno.readFile(folder.of("judged/by_id/0"))).buffer);
  deepStrictEqual([0, 4, 8].map((at) => judged.getFloat32(at, true)), [11.5, 12.5, 10.5]);
  deepStrictEqual(judged.getFloat32(12, true), rows[0].score);
  const repeated = await ffn("run-resegmentation", "analyze", ...request, ...affinities);
  match(repeated.stderr, /it exists, remove it first/);
  const [, , ...annotations] = affinities;
  const elsewhere = ["--affinities-npy", folder.of("b.npy"), ...annotations];
  const kept = await ffn("run-resegmentation", "analyze", ...request, ...elsewhere);
  match(kept.stderr, /Cannot write annotations to ".*judged": it exists/);

  await Deno.writeTextFile(
    folder.of("strong.csv"),
    "id_a,id_b,xa,ya,za,xb,yb,zb,score\n5,6,1,1,1,2,2,2,0.9\n7,6,1,1,1,2,2,2,0.2\n",
  );
  await using server = await DvidStandIn.start([5n, 6n, 7n]);
  const merge = [
    ...["automerge", "--affinities-npy", folder.of("strong.csv"), "--threshold", "0.5"],
    ...["--mappings-output", folder.of("m.csv"), "--post", server.url],
  ];
  const planned = await ffn(...merge, "--dry-run");
  match(planned.stdout, /POST http.*labels\/merge \[5,6\]/);
  deepStrictEqual(server.merges, []);
  const posted = await ffn(...merge);
  deepStrictEqual(posted.code, 0, posted.stderr);
  match(posted.stdout, /1 bodies merged, 0 of them before/);
  deepStrictEqual(server.merges, ["[5,6]"]);
  deepStrictEqual(await Deno.readTextFile(folder.of("m.csv")), "supervoxel,body\n5,5\n6,5\n");
});

Deno.test("ffn run-resegmentation and automerge refuse what they cannot do", async () => {
  await using folder = await temporaryFolder();
  const flags = await prepare(folder);
  const cases: [string[], number, RegExp][] = [
    [["run-resegmentation", "guess"], 2, /the steps are build-req, run, analyze/],
    [["run-resegmentation", "run"], 2, /without --resegmentation-request/],
    [["run-resegmentation", "run", "--resegmentation-request", folder.of("no.pb")], 1, /no such/],
    [["run-resegmentation", "build-req", ...flags, "--radius", "2"], 1, /must be above half/],
    [["run-resegmentation", "analyze", "--affinities-npy", "a.txt"], 2, /must end in .npy/],
    [["automerge", "--threshold", "0.5"], 2, /without --affinities-npy/],
    [
      [
        ...["automerge", "--affinities-npy", "a.npy", "--mappings-output", "m.pkl"],
        ...["--threshold", "0.5"],
      ],
      1,
      /must end in .csv, .npy or .npz/,
    ],
  ];
  for (const [args, exit, message] of cases) {
    const { code, stderr } = await ffn(...args);
    match(stderr, message);
    deepStrictEqual(code, exit);
  }
});
