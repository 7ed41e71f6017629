import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { Context } from "../../engine/commands/command.ts";
import { command } from "../../engine/commands/run_secgan_xfer.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { networkVariables } from "../../engine/models/secgan/secgan.ts";
import type { NormName } from "../../engine/models/secgan/layers.ts";
import { loadCheckpoint } from "../../engine/training/checkpoint_store.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { Random } from "../../engine/training/random.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { Hdf5File } from "../../engine/volumes/hdf5_file.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const SIZE = [14, 20, 26];

/** A folder with a volume of bytes and a random generator of two blocks. */
async function prepared(norm: NormName = "none"): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  const data = Uint8Array.from({ length: 14 * 20 * 26 }, (_, i) => (i * 37) % 251);
  const parts = encodeNpy({ dtype: "uint8", shape: SIZE, data });
  await Deno.writeFile(folder.of("em.npy"), new Blob(parts as BlobPart[]).stream());
  const generator = { depth: 2, channels: 4, norm, dropout: false };
  const variables = networkVariables({ generator } as never, "F");
  const values = initialVariables({ variables }, new Random(2));
  await writeCheckpoint(folder.of("gan", "model.ckpt-4"), values);
  return folder;
}

async function transfer(
  folder: TemporaryFolder,
  more: Record<string, unknown>,
  signal = new AbortController().signal,
): Promise<string[]> {
  const notes: string[] = [];
  const context: Context = {
    signal,
    verbosity: "normal",
    print: () => {},
    note: (line) => void notes.push(line),
    stderr: { write: () => {}, columns: () => null },
  };
  await command.run({
    contentVolumeSpec: folder.of("em.npy"),
    outputSpec: folder.of("out.npy"),
    checkpointPath: folder.of("gan"),
    ...{ fOrG: "F", pad: "none", outputDtype: "float32", volumeScale: "auto" },
    ...{ overwrite: false, allowTiledNorm: false, threads: 2, backend: "wasm" },
    kernelProcess: "off",
    ...more,
  }, context);
  return notes;
}

async function read(spec: string) {
  await using volume = await open(spec);
  return { shape: volume.shape, offset: volume.offset, data: await volume.read(wholeBox(volume)) };
}

Deno.test("ffn run-secgan-xfer gives the same in one piece and in tiles, in any kind of volume", async () => {
  await using folder = await prepared();
  await transfer(folder, {});
  const whole = await read(folder.of("out.npy"));
  deepStrictEqual(whole.shape, [6, 12, 18]);
  ok((whole.data as Float32Array).every((v) => Math.abs(v) < 1));
  for (const name of ["out.h5:raw", "out.zarr"]) {
    await transfer(folder, { outputSpec: folder.of(name), tileSize: 6 });
    const tiled = await read(folder.of(name));
    deepStrictEqual(tiled.data, whole.data, name);
    deepStrictEqual(tiled.offset, [4, 4, 4], name);
  }
});

Deno.test("ffn run-secgan-xfer says in a HDF5 file where its voxels come from", async () => {
  await using folder = await prepared();
  await transfer(folder, { outputSpec: folder.of("out.h5:raw") });
  await using file = await Hdf5File.open(folder.of("out.h5"));
  const attributes = await file.call("read attributes", "attributes", { dataset: "raw" });
  strictEqual(attributes.checkpoint_path.values[0], folder.of("gan"));
  strictEqual(attributes.content_volume_spec.values[0], folder.of("em.npy"));
  deepStrictEqual(attributes.offset_zyx.values.map(Number), [4, 4, 4]);
});

Deno.test("ffn run-secgan-xfer keeps size and place with --pad reflect, and writes bytes", async () => {
  await using folder = await prepared();
  await transfer(folder, {});
  const floats = await read(folder.of("out.npy"));
  const bytes = { pad: "reflect", outputDtype: "uint8", outputSpec: folder.of("bytes.npy") };
  await transfer(folder, bytes);
  await using kept = await open(folder.of("bytes.npy"));
  deepStrictEqual(kept.shape, SIZE);
  strictEqual(kept.dtype, "uint8");
  const middle = await kept.read({ start: [4, 4, 4], size: [6, 12, 18] });
  deepStrictEqual(
    middle,
    Uint8Array.from(floats.data as Float32Array, (v) => Math.round(v * 127.5 + 127.5)),
  );
});

Deno.test("ffn run-secgan-xfer goes on with a folder where it was stopped", async () => {
  await using folder = await prepared();
  const flags = { outputSpec: folder.of("out:png"), outputDtype: "uint8", tileSize: 6 };
  const stop = new AbortController();
  stop.abort(new Error("stop"));
  await rejects(transfer(folder, flags, stop.signal), /stop/);
  await transfer(folder, { ...flags, outputSpec: folder.of("whole.npy"), tileSize: undefined });
  await transfer(folder, flags);
  const [resumed, whole] = [await read(folder.of("out:png")), await read(folder.of("whole.npy"))];
  deepStrictEqual(resumed.data, whole.data);
});

Deno.test("ffn run-secgan-xfer does not go on with what another checkpoint of the same folder began", async () => {
  await using folder = await prepared();
  const flags = { outputSpec: folder.of("out:png"), outputDtype: "uint8", tileSize: 6 };
  await rejects(transfer(folder, flags, AbortSignal.abort(new Error("stop"))), /stop/);
  const older = await loadCheckpoint(folder.of("gan", "model.ckpt-4"));
  await writeCheckpoint(folder.of("gan", "model.ckpt-8"), older.variables);
  await rejects(transfer(folder, flags), /unfinished work of another source or other options/);
  await transfer(folder, {
    ...flags,
    checkpointPath: folder.of("gan", "model.ckpt-8"),
    overwrite: true,
  });
});

Deno.test("ffn run-secgan-xfer names what it cannot do before it writes anything", async () => {
  await using folder = await prepared();
  await using normed = await prepared("instance");
  const refused = async (where: TemporaryFolder, more: Record<string, unknown>, wanted: RegExp) => {
    await rejects(transfer(where, more), wanted);
    await rejects(Deno.stat(where.of("out.npy")), Deno.errors.NotFound);
  };
  await refused(folder, { outputSpec: undefined }, /Cannot transfer without --output_spec/);
  const [small, many] = ["em.npy[0:8]", "many.npy"].map((name) => folder.of(name));
  const parts = encodeNpy({
    dtype: "uint8",
    shape: [2, 9, 9, 9],
    data: new Uint8Array(2 * 9 ** 3),
  });
  await Deno.writeFile(many, new Blob(parts as BlobPart[]).stream());
  await refused(
    folder,
    { contentVolumeSpec: small },
    /each axis must have 9 voxels or more for this generator, current z is 8/,
  );
  await refused(folder, { contentVolumeSpec: many }, /must have one channel, current number is 2/);
  await refused(folder, { fOrG: "G" }, /no variable "generator_G\/conv0_a\/weights"/);
  await refused(folder, { generatorDepth: 8 }, /--generator_depth 8: the generator in .* has 2/);
  await refused(folder, { generatorMargin: 16 }, /--generator_margin 16: .* has 4/);
  await refused(
    normed,
    { tileSize: 6 },
    /Cannot transfer in tiles: with generator_norm "instance"/,
  );
  await transfer(normed, {});
  await transfer(normed, { tileSize: 6, allowTiledNorm: true, outputSpec: normed.of("tiled.npy") });
});

Deno.test("ffn run-secgan-xfer takes the mean of several checkpoints, and refuses others", async () => {
  await using folder = await prepared();
  const generator = { depth: 2, channels: 4, norm: "none" as NormName, dropout: false };
  const variables = networkVariables({ generator } as never, "F");
  const [a, b] = [2, 3].map((seed) => initialVariables({ variables }, new Random(seed)));
  await writeCheckpoint(folder.of("gan", "model.ckpt-8"), b);
  const mean = new Map([...a].map(([name, value]) => {
    const data = Float32Array.from(
      value.data as Float32Array,
      (x, i) => (x + Number(b.get(name)!.data[i])) / 2,
    );
    return [name, { ...value, data }];
  }));
  await writeCheckpoint(folder.of("mean", "model.ckpt-1"), mean);
  await transfer(folder, {
    checkpointPath: folder.of("mean"),
    outputSpec: folder.of("wanted.npy"),
  });
  const [first, second] = [4, 8].map((step) => folder.of("gan", `model.ckpt-${step}`));
  await transfer(folder, { checkpointPath: first, averageWith: second });
  deepStrictEqual(await read(folder.of("out.npy")), await read(folder.of("wanted.npy")));

  const wider = networkVariables({ generator: { ...generator, channels: 5 } } as never, "F");
  const values = initialVariables({ variables: wider }, new Random(2));
  await writeCheckpoint(folder.of("wider", "model.ckpt-1"), values);
  await rejects(
    transfer(folder, { averageWith: folder.of("wider"), outputSpec: folder.of("no.npy") }),
    /Cannot average ".*model\.ckpt-8" with ".*wider.*": both must have/,
  );
});
