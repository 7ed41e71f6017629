/** Faults of GPUs on demand: the platform's own classes misbehave, so that everything above them runs as it is. */

/** What is to go wrong; ends with its scope. */
export interface GpuFaults extends Disposable {
  /** Devices that were lost so far. */
  readonly losses: number;
  /** Buffers that were refused so far. */
  readonly refusals: number;
}

/** The faults. */
export interface GpuFaultOptions {
  /** Submissions after which a device is lost; one entry for each device in the order of their first submission. */
  readonly lostAfter?: readonly number[];
  /** Whether a buffer gets no memory. */
  readonly refuse?: (descriptor: GPUBufferDescriptor) => boolean;
}

/** Makes GPUs fail until it is disposed of. */
export function gpuFaults({ lostAfter = [], refuse = () => false }: GpuFaultOptions): GpuFaults {
  const adapter = GPUAdapter.prototype;
  const device = GPUDevice.prototype;
  const queue = GPUQueue.prototype;
  const { requestDevice } = adapter;
  const { createBuffer, popErrorScope } = device;
  const { submit } = queue;
  const devices = new Map<GPUQueue, { gpu: GPUDevice; left: number }>();
  const faults = { losses: 0, refusals: 0 };
  const waiting = [...lostAfter];
  let refused = false;
  adapter.requestDevice = async function (...args) {
    const gpu = await requestDevice.apply(this, args);
    devices.set(gpu.queue, { gpu, left: Infinity });
    return gpu;
  };
  queue.submit = function (commands) {
    submit.call(this, commands);
    const known = devices.get(this);
    if (!known) return;
    if (known.left === Infinity) known.left = waiting.shift() ?? Number.MAX_SAFE_INTEGER;
    if (--known.left !== 0) return;
    faults.losses++;
    known.gpu.destroy();
  };
  device.createBuffer = function (descriptor) {
    if (!refuse(descriptor)) return createBuffer.call(this, descriptor);
    faults.refusals++;
    refused = true;
    // Using what got no memory is an error, as using what was destroyed.
    const buffer = createBuffer.call(this, { ...descriptor, size: 4 });
    buffer.destroy();
    return buffer;
  };
  device.popErrorScope = async function () {
    const failed = refused;
    refused = false;
    const error = await popErrorScope.call(this);
    return failed ? new GPUOutOfMemoryError("refused by a test") : error;
  };
  return {
    get losses() {
      return faults.losses;
    },
    get refusals() {
      return faults.refusals;
    },
    [Symbol.dispose]() {
      adapter.requestDevice = requestDevice;
      Object.assign(device, { createBuffer, popErrorScope });
      queue.submit = submit;
    },
  };
}
