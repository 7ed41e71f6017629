import { type Attainable, measureAttainable } from "../backends/webgpu/attainable.ts";
import { WebGpuBackend } from "../backends/webgpu/backend.ts";
import { requestAdapter } from "../backends/webgpu/device.ts";
import { diagnose, type Finding, type GpuFacts } from "../backends/webgpu/diagnosis.ts";
import { readHostFacts } from "../backends/webgpu/host_facts.ts";
import { WANTED_LIMITS } from "../backends/webgpu/limits.ts";

/** Everything that `ffn doctor` prints. */
export interface Examination extends GpuFacts {
  readonly deno: string;
  /** Features that were granted when asked for. */
  readonly features: readonly string[];
  /** Limits that the engine asks for, as granted. */
  readonly limits: Readonly<Record<string, number>>;
  readonly attainable: Attainable | null;
  readonly findings: readonly Finding[];
}

/** Opens the GPU, if there is one, and looks at it and its host. */
export async function examineGpu({ measure }: { measure: boolean }): Promise<Examination> {
  const host = await readHostFacts();
  const deno = Deno.version.deno;
  const os = Deno.build.os;
  if (!(await requestAdapter())) {
    const facts: GpuFacts = {
      ...host,
      os,
      adapter: null,
      software: false,
      maxBindingBytes: 0,
      maxBufferBytes: 0,
      readMode: null,
      attainable: null,
    };
    return {
      ...facts,
      attainable: null,
      deno,
      features: [],
      limits: {},
      findings: diagnose(facts),
    };
  }
  await using backend = await WebGpuBackend.open();
  const { device, readback } = backend;
  const attainable = measure ? await measureAttainable(backend) : null;
  const facts: GpuFacts = {
    ...host,
    os,
    adapter: device.name,
    software: device.software,
    maxBindingBytes: device.limits.maxStorageBufferBindingSize,
    maxBufferBytes: device.limits.maxBufferSize,
    readMode: readback.mode,
    attainable,
  };
  const limits = WANTED_LIMITS.map(({ name }) => [name, device.limits[name] as number] as const);
  return {
    ...facts,
    attainable,
    deno,
    features: [...device.features],
    limits: Object.fromEntries(limits),
    findings: diagnose(facts),
  };
}
