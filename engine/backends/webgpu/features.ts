/**
 * Optional WebGPU features. An adapter's list is not complete (the software adapter grants subgroups without listing
 * them), so each feature is tried by asking for it.
 */

/** Features the engine can use, most wanted first; the last is dropped first when a request fails. */
export const OPTIONAL_FEATURES = ["shader-f16", "timestamp-query", "subgroups"] as const;

/** Name of an optional feature. */
export type Feature = (typeof OPTIONAL_FEATURES)[number];

/**
 * Requests a device with as many of `wished` as the adapter grants.
 *
 * @param requestAdapter Gives the same adapter anew: browsers let each make one device only.

 * Tries the whole set, then each feature alone, and asks once more for those that were granted alone.
 *
 * @throws {DOMException} or `TypeError` of the platform when not even a device without features can be had.
 */
export async function requestWithFeatures(
  requestAdapter: () => Promise<GPUAdapter>,
  descriptor: GPUDeviceDescriptor,
  wished: readonly Feature[],
): Promise<{ device: GPUDevice; features: ReadonlySet<Feature> }> {
  const request = async (features: readonly Feature[]) =>
    await (await requestAdapter()).requestDevice({
      ...descriptor,
      requiredFeatures: [...features] as GPUFeatureName[],
    });
  const all = await request(wished).catch(() => null);
  if (all) return { device: all, features: new Set(wished) };
  const granted: Feature[] = [];
  for (const feature of wished) {
    const device = await request([feature]).catch(() => null);
    if (!device) continue;
    device.destroy();
    granted.push(feature);
  }
  return { device: await request(granted), features: new Set(granted) };
}

/** What a WGSL text that uses subgroups must begin with: Dawn wants the directive, naga rejects it. */
export async function subgroupDirective(device: GPUDevice): Promise<string> {
  const code = "enable subgroups;\n";
  device.pushErrorScope("validation");
  device.createShaderModule({ label: "subgroups", code });
  return await device.popErrorScope() === null ? code : "";
}
