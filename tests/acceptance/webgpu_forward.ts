/** The published network on a GPU: recorded logits, and the recorded positions of a small box flooded on the device. */
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { logit32 } from "../../engine/inference/logit.ts";
import { openNetwork } from "../../engine/models/network.ts";
import { openCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { checkBox64, FIB25_CHECKPOINT, FIB25_MODEL } from "../support/device_fib25.ts";
import { normaliseFib25, openRecorded } from "../support/fib25.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "recorded logits of the published network on WebGPU, f32 and f16, and 42 recorded steps on the device";
export const ci = true;

export async function run(context: AcceptanceContext): Promise<void> {
  await checkLogits(context, false);
  await checkLogits(context, true);
  await checkBox64(context, false);
}

/** Two predictions from a fresh seed on two recorded images. */
async function checkLogits({ fib25, check, print }: AcceptanceContext, half: boolean) {
  await using backend = await WebGpuBackend.open({ halfStorage: half });
  if (half && !backend.profile.halfStorage) return print("no f16 on this adapter");
  await using checkpoint = await openCheckpoint(`${fib25}/${FIB25_CHECKPOINT}`);
  await using network = await openNetwork(FIB25_MODEL, checkpoint, backend, 1);
  const recorded = await openRecorded("golden/forward.npz");
  let [worst, squares, count] = [0, 0, 0];
  for (const number of [0, 1]) {
    const raw = await recorded.readArray(`case${number}_image`);
    const image = normaliseFib25(raw.data as Uint8Array);
    let seed = new Float32Array(image.length).fill(logit32(0.05));
    seed[(image.length - 1) / 2] = logit32(0.95);
    for (const step of [1, 2]) {
      const logits = new Float32Array(image.length);
      await network.predict(image, seed, logits);
      const expected = (await recorded.readArray(`case${number}_logits${step}`)).data;
      logits.forEach((v, i) => {
        const error = Math.abs(v - Number(expected[i]));
        worst = Math.max(worst, error);
        squares += error * error;
      });
      count += logits.length;
      seed = logits;
    }
  }
  const rms = Math.sqrt(squares / count);
  const name = `${half ? "f16" : "f32"} on ${backend.device.name}`;
  const [most, mostRms] = half ? [1, 0.1] : [1e-4, 1e-5];
  check(
    `largest error of the logits, ${name}`,
    worst.toExponential(2),
    `<= ${most}`,
    worst <= most,
  );
  check(`rms error of the logits, ${name}`, rms.toExponential(2), `<= ${mostRms}`, rms <= mostRms);
}
