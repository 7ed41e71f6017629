import { type DType, elementCount, itemSize } from "../../formats/nd_array.ts";
import { UnsupportedError } from "../../errors/errors.ts";
import type { Shape } from "../../ops/op.ts";
import type { Tensor } from "../backend.ts";
import type { Device } from "./device.ts";

let nextId = 1;

/** Memory on the device in C order, `shape` long. */
export class GpuTensor implements Tensor {
  readonly buffer: GPUBuffer;
  /** Grows with each write, from the host or by a program, so that what was made from the contents can be made again. */
  version = 0;
  /** Tells tensors apart that have the same label. */
  readonly id = nextId++;

  constructor(
    device: Device,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly label: string,
  ) {
    this.buffer = createBuffer(device, elementCount(shape) * itemSize(dtype), label);
  }

  dispose(): void {
    this.buffer.destroy();
  }
}

/** A zero-filled storage buffer of at least `sizeBytes`, rounded up to a multiple of 4 as copies need it. */
export function createBuffer(device: Device, sizeBytes: number, label: string): GPUBuffer {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const size = Math.max(4, Math.ceil(sizeBytes / 4) * 4);
  if (size > most) {
    throw new UnsupportedError(
      `Cannot allocate ${size} bytes for "${label}": "${device.name}" binds at most ${most} bytes at once`,
    );
  }
  return device.createBuffer({
    label,
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
}
