/** Small runs of `ffn train-secgan` in this process: two textures, tiny networks. */
import { command } from "../../engine/commands/train_secgan.ts";
import { TRAIN_SECGAN_OPTIONS } from "../../engine/commands/train_secgan_options.ts";
import type { Context, Option } from "../../engine/commands/command.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { randomVariables, smallModel } from "./small_networks.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary_folder.ts";

const EDGE = 30;

/** Stripes along an axis, 0 to 255. */
function stripes(axis: 0 | 1 | 2, period: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: EDGE ** 3 }, (_, i) => {
    const place = [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE];
    return Math.round(127.5 + 90 * Math.sin(2 * Math.PI * place[axis] / period));
  });
}

/** A folder with both domains, `old.npy` and `new.npy`, and a frozen network `ffn/model.ckpt-1`. */
export async function secganFolder(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  const shape = [EDGE, EDGE, EDGE];
  for (const [name, data] of [["old", stripes(0, 6)], ["new", stripes(2, 4)]] as const) {
    const parts = encodeNpy({ dtype: "uint8", shape, data });
    await Deno.writeFile(folder.of(`${name}.npy`), new Blob(parts as BlobPart[]).stream());
  }
  const network = smallModel([5, 5, 5], [1, 1, 1], 2, 4);
  const { read } = randomVariables(network, 3);
  const variables = new Map(
    await Promise.all(
      network.variables.map(async ({ name }) => [name, await read(name)] as const),
    ),
  );
  await writeCheckpoint(folder.of("ffn", "model.ckpt-1"), variables);
  return folder;
}

/** What the flags are unless given. */
export function secganDefaults(): Record<string, unknown> {
  const options: Record<string, Option> = TRAIN_SECGAN_OPTIONS;
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      option.type === "flag" ? false : (option as { default?: unknown }).default,
    ]),
  );
}

/** Values of all flags for a tiny run. */
export function secganFlags(
  folder: TemporaryFolder,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    ...secganDefaults(),
    trainDir: folder.of("run"),
    labeledVolumeSpecs: folder.of("old.npy"),
    unlabeledVolumeSpecs: folder.of("new.npy"),
    ffnCkpt: folder.of("ffn"),
    ffnFovSize: 5,
    generatorDepth: 1,
    generatorChannels: 4,
    discriminator: "convdisc",
    convdiscDepth: 1,
    batchSize: 1,
    fakepoolSz: 2,
    maxSteps: 3,
    optimizer: "adam",
    learningRate: 0.001,
    seed: 5,
    threads: 2,
    backend: "wasm",
    kernelProcess: "off",
    ...more,
  };
}

/** Runs `ffn train-secgan`; `note` sees its remarks. */
export async function trainSecgan(
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
