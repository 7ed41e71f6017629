/** The published FIB-25 network flooding on a GPU. */
import type { Box } from "../../engine/geometry/box.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { DeviceCanvas } from "../../engine/inference/device/device_canvas.ts";
import { openDeviceNetwork } from "../../engine/inference/device/device_predictor.ts";
import { openFlood } from "../../engine/inference/device/open_flood.ts";
import { createSeedPolicy } from "../../engine/inference/seed_policies/create_seed_policy.ts";
import { createModel } from "../../engine/models/registry.ts";
import { openCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import type { AcceptanceContext } from "../acceptance/program.ts";
import { FIB25_OPTIONS, normaliseFib25, openRecorded, readFib25 } from "./fib25.ts";

/** The published network. */
export const FIB25_MODEL = createModel("convstack_3d.ConvStack3DFFNModel", {
  depth: 12,
  fov_size: [33, 33, 33],
  deltas: [8, 8, 8],
});

/** Its checkpoint, in the FIB-25 folder. */
export const FIB25_CHECKPOINT = "model/model.ckpt-27465036";

const BOX: Box = { start: [0, 0, 0], size: [64, 64, 64] };

/** Floods the box of `segment_box64` by kernels alone and checks it: bit-equal positions for f32, overlaps for f16. */
export async function checkBox64(
  { fib25, check, print }: AcceptanceContext,
  half: boolean,
): Promise<void> {
  await using backend = await WebGpuBackend.open({ halfStorage: half });
  if (half && !backend.profile.halfStorage) return;
  await using checkpoint = await openCheckpoint(`${fib25}/${FIB25_CHECKPOINT}`);
  const predictor = await openDeviceNetwork(FIB25_MODEL, checkpoint, backend, 1);
  const flood = await openFlood(backend, {
    predictor,
    options: FIB25_OPTIONS,
    canvasSize: BOX.size,
    tuning: backend.device.software ? { stepsPerRound: 1 } : undefined,
  });
  const image = normaliseFib25(await readFib25(BOX));
  const canvas = new DeviceCanvas(flood, 0, { image, size: BOX.size });
  const seeds = await createSeedPolicy("PolicyPeaks", {}, {
    image,
    size: BOX.size,
    margin: [16, 16, 16],
    mask: null,
    seedMask: null,
    segmentation: new Int32Array(image.length),
    corner: BOX.start,
    loadOrigins: () => Promise.resolve(new Map()),
  });
  const positions: number[] = [];
  const startedMs = performance.now();
  await canvas.segmentAll(seeds, { onStep: (position) => positions.push(...position) });
  const elapsedMs = performance.now() - startedMs;
  const recorded = await openRecorded("golden/segment_box64.npz");
  const trace = Array.from((await recorded.readArray("trace")).data, Number);
  const { segmentation, segProb } = await canvas.result();
  const labels = (await recorded.readArray("segmentation")).data;
  const steps = positions.length / 3;
  if (half) {
    for (const id of new Set(Array.from(labels, Number).filter((label) => label > 0))) {
      const iou = overlapOf(segmentation, labels as ArrayLike<number>, id);
      check(`f16: overlap with object ${id}`, iou.toFixed(4), ">= 0.95", iou >= 0.95);
    }
    return;
  }
  const same = trace.length === positions.length && trace.every((v, i) => v === positions[i]);
  check("positions as recorded", steps, `${trace.length / 3}, all equal`, same);
  const equalLabels = labels.filter((label, i) => Number(label) === Math.max(segmentation[i], 0));
  const share = equalLabels.length / labels.length;
  check("share of equal labels", share.toFixed(6), ">= 0.9999", share >= 0.9999);
  const qprob = (await recorded.readArray("qprob")).data;
  const worst = segProb.reduce((m, q, i) => Math.max(m, Math.abs(q - Number(qprob[i]))), 0);
  check("largest difference of qprob", worst, "<= 1", worst <= 1);
  print(`${(elapsedMs / steps).toFixed(0)} ms per step on ${backend.device.name}`);
}

/** Intersection over union of a recorded object with the object that covers most of it. */
function overlapOf(segmentation: Int32Array, labels: ArrayLike<number>, id: number): number {
  const shared = new Map<number, number>();
  let size = 0;
  for (let i = 0; i < labels.length; i++) {
    if (Number(labels[i]) !== id) continue;
    size++;
    if (segmentation[i] > 0) shared.set(segmentation[i], (shared.get(segmentation[i]) ?? 0) + 1);
  }
  const best = [...shared].reduce((a, b) => b[1] > a[1] ? b : a, [0, 0]);
  const theirs = segmentation.reduce((n, v) => n + Number(v === best[0]), 0);
  return best[1] / (size + theirs - best[1]);
}
