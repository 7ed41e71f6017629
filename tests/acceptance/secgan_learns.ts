/** A short training of SECGAN on two textures (section 17.8 of the spec): both cycle losses fall from each fifth of it to the next. */
import { join } from "node:path";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { secganDefaults, trainSecgan } from "../support/secgan_training.ts";
import { randomVariables, smallModel } from "../support/small_networks.ts";
import { scalarCurve } from "../support/timed_training.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "a short training of SECGAN on two textures: both cycle losses fall";

export const ci = true;

const EDGE = 40;
const ITERATIONS = 55, PARTS = 5;

/** Blobs that look alike along all axes, `[z, y, x]`, 0 to 255. */
function blobs(period: number): Uint8Array<ArrayBuffer> {
  const wave = Float64Array.from(
    { length: EDGE },
    (_, n) => Math.sin(2 * Math.PI * n / period),
  );
  const values = Uint8ClampedArray.from({ length: EDGE ** 3 }, (_, i) => {
    const [z, y, x] = [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE];
    return 127.5 + 100 * (wave[z] + wave[y] + wave[x]);
  });
  return new Uint8Array(values);
}

export async function run({ folder, threads, check, print }: AcceptanceContext): Promise<void> {
  const volumes = { labeled: blobs(6), unlabeled: blobs(4) };
  for (const [name, data] of Object.entries(volumes)) {
    const parts = encodeNpy({ dtype: "uint8", shape: [EDGE, EDGE, EDGE], data });
    await Deno.writeFile(join(folder, `${name}.npy`), new Blob(parts as BlobPart[]).stream());
  }
  const segmenter = smallModel([17, 17, 17], [1, 1, 1], 2, 4);
  const { read } = randomVariables(segmenter, 3);
  const variables = new Map<string, Awaited<ReturnType<typeof read>>>();
  for (const { name } of segmenter.variables) variables.set(name, await read(name));
  await writeCheckpoint(join(folder, "ffn", "model.ckpt-1"), variables);
  const trainDir = join(folder, "run");
  await trainSecgan({
    ...secganDefaults(),
    trainDir,
    labeledVolumeSpecs: join(folder, "labeled.npy"),
    unlabeledVolumeSpecs: join(folder, "unlabeled.npy"),
    ffnCkpt: join(folder, "ffn"),
    ...{ ffnFovSize: 17, generatorDepth: 2 },
    ...{ discriminator: "convdisc", convdiscDepth: 1, optimizer: "adam", learningRate: 2e-4 },
    ...{ batchSize: 1, maxSteps: ITERATIONS, seed: 5, summaryRateSecs: 0 },
    ...{ threads, backend: "wasm", kernelProcess: "on" },
  });
  for (const domain of ["l", "u"]) {
    const curve = await scalarCurve(trainDir, `losses/cycle_consistency_${domain}`);
    const size = ITERATIONS / PARTS;
    const means = Array.from({ length: PARTS }, (_, part) => {
      const values = curve.slice(part * size, (part + 1) * size);
      return values.reduce((sum, { value }) => sum + value, 0) / size;
    });
    print(`cycle loss of ${domain}: ${means.map((mean) => mean.toFixed(4)).join(", ")}`);
    const falls = means.every((mean, i) => i === 0 || mean < means[i - 1]);
    check(`cycle loss of ${domain}`, falls ? "falls" : "does not fall", "falls", falls);
    check(`values of ${domain}`, curve.length, `${ITERATIONS}`, curve.length === ITERATIONS);
  }
}
