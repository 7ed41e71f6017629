/** Which limits the engine asks an adapter for, and why. WebGPU grants only the defaults unless a limit is asked for by name. */

type LimitName = keyof GPUSupportedLimits & string;

/** A limit to raise, up to `most` (all the adapter has when absent). */
interface WantedLimit {
  readonly name: LimitName;
  readonly most?: number;
  readonly reason: string;
}

/** Every limit that some kernel or canvas can use beyond the WebGPU default. */
export const WANTED_LIMITS: readonly WantedLimit[] = [
  {
    name: "maxStorageBufferBindingSize",
    reason: "a canvas of 512^3 voxels binds 512 MiB; the default is 128 MiB",
  },
  { name: "maxBufferSize", reason: "one binding is one buffer; the default is 256 MiB" },
  {
    name: "maxStorageBuffersPerShaderStage",
    most: 16,
    reason: "the flood kernels bind up to 7 buffers each, 13 where a canvas is cut into 4 slabs",
  },
  {
    name: "maxComputeWorkgroupStorageSize",
    most: 32768,
    reason: "tiled convolutions keep more than the default 16 KiB in workgroup memory",
  },
  {
    name: "maxComputeInvocationsPerWorkgroup",
    most: 1024,
    reason: "wide workgroups hide latency on some GPUs; every op also has a variant with 256",
  },
  { name: "maxComputeWorkgroupSizeX", most: 1024, reason: "as the invocations" },
];

/** The limits to request from `adapter`: what it offers, cut to what the engine can use. */
export function requiredLimits(adapter: GPUAdapter): Record<string, number> {
  const wanted: Record<string, number> = {};
  for (const { name, most } of WANTED_LIMITS) {
    const offered = adapter.limits[name] as number | undefined;
    if (offered !== undefined) wanted[name] = Math.min(offered, most ?? offered);
  }
  return wanted;
}
