/** Small runs of `ffn train` in this process: two bars in noise, a tiny network. */
import type { Context } from "../../engine/commands/command.ts";
import { command } from "../../engine/commands/train.ts";
import { encodeCoordinate } from "../../engine/formats/coordinate_record.ts";
import { encodeRecord } from "../../engine/formats/tfrecord.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { createHdf5 } from "../../engine/volumes/hdf5_writer.ts";
import { writeRecordFile } from "../../engine/volumes/record_file.ts";
import { seededRandom } from "./random.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary_folder.ts";

const SIZE: Zyx = [24, 26, 28];

/** Two bars in noise: bright voxels are label 1 or 2. */
async function writeVolumes(folder: TemporaryFolder): Promise<void> {
  const random = seededRandom(8);
  const labels = new Int32Array(24 * 26 * 28);
  const image = new Uint8Array(labels.length);
  labels.forEach((_, i) => {
    const [x, y] = [i % 28, Math.floor(i / 28) % 26];
    labels[i] = y < 10 ? (x < 12 ? 1 : 0) : x > 15 ? 2 : 0;
    image[i] = (labels[i] > 0 ? 170 : 80) + 40 * (random() - 0.5);
  });
  for (
    const [name, dtype, data] of [["image", "uint8", image], ["labels", "int32", labels]] as const
  ) {
    await using writer = await createHdf5(folder.of(`${name}.h5`), {
      dataset: "d",
      shape: SIZE,
      dtype,
    });
    await writer.write({ start: [0, 0, 0], size: SIZE }, data);
    await writer.commit();
  }
}

export async function writeCoordinates(
  path: string,
  centers: Iterable<Zyx>,
  volume = "v",
): Promise<void> {
  async function* frames() {
    for (const center of centers) {
      yield await Promise.resolve(encodeRecord(encodeCoordinate({ center, volume })));
    }
  }
  await writeRecordFile(path, frames());
}

function* grid(): Generator<Zyx> {
  for (let z = 5; z < 19; z += 2) {
    for (let y = 5; y < 21; y += 3) for (let x = 5; x < 23; x += 3) yield [z, y, x];
  }
}

export async function prepared(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  await writeVolumes(folder);
  await writeCoordinates(folder.of("c.gz"), grid());
  return folder;
}

export const MODEL = { depth: 2, features: 4, fov_size: [7, 7, 7], deltas: [2, 2, 2] };

/** Flags by name; `undefined` leaves one out. */
export function flags(
  folder: TemporaryFolder,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    trainCoords: folder.of("c.gz"),
    dataVolumes: `v:${folder.of("image.h5")}:d`,
    labelVolumes: `v:${folder.of("labels.h5")}:d`,
    modelArgs: JSON.stringify(MODEL),
    imageMean: 128,
    imageStddev: 33,
    trainDir: folder.of("run"),
    batchSize: 2,
    maxSteps: 6,
    seed: 5,
    optimizer: "adam",
    threads: 2,
    backend: "wasm",
    kernelProcess: "off",
    ...more,
  };
}

/** Runs `ffn train`; `note` sees its remarks. */
export async function train(
  values: Record<string, unknown>,
  note: (line: string) => void = () => {},
  signal = new AbortController().signal,
): Promise<void> {
  const context: Context = {
    signal,
    verbosity: "normal",
    print: () => {},
    note,
    stderr: { write: () => {}, columns: () => null },
  };
  await command.run(values, context);
}
