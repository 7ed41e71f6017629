import { KernelError } from "../engine/errors/errors.ts";

/** Loops work in whole SIMD vectors: each buffer has this many bytes before and after it that may be overwritten. */
const SLACK_BYTES = 64;
const PAGE_BYTES = 65_536;
/** What 32-bit addresses reach. */
const LIMIT_BYTES = 2 ** 32;

const modules = new Map<string, Promise<WebAssembly.Module>>();

async function compile(name: string): Promise<WebAssembly.Module> {
  const response = await fetch(new URL(`./build/${name}.wasm`, import.meta.url));
  return await WebAssembly.compile(await response.arrayBuffer());
}

/** The compiled module, once per process; a failure is not kept, so that the next call tries again. */
export function kernelModule(name: string): Promise<WebAssembly.Module> {
  const known = modules.get(name);
  if (known) return known;
  const label = `${name}.wasm`;
  const made = compile(name).catch((cause) => {
    modules.delete(name);
    throw new KernelError(`Cannot load "${label}": ${cause.message}`, { label, cause });
  });
  modules.set(name, made);
  return made;
}

/**
 * The memory of one call of an image or label function: laid out once, collected with the call. Reserve every buffer
 * before viewing one, because growing the memory detaches earlier views.
 */
export class KernelMemory {
  readonly memory: WebAssembly.Memory;
  #end = SLACK_BYTES;
  #last = 0;

  /** @param shared For kernels that threads may run, which import a shared memory. */
  constructor({ shared = false }: { shared?: boolean } = {}) {
    const maximum = LIMIT_BYTES / PAGE_BYTES;
    this.memory = new WebAssembly.Memory({ initial: 1, maximum, shared });
  }

  /** Address of a new zero-filled buffer, a multiple of 16. */
  reserve(sizeBytes: number): number {
    const address = this.#end;
    this.#last = address;
    this.#reach(sizeBytes);
    return address;
  }

  /** Forgets every buffer, for another call; what is reserved from here on is not filled with zeros. */
  clear(): void {
    this.#end = SLACK_BYTES;
    this.#last = 0;
  }

  /** Makes the buffer that was reserved last at least this large; what it holds stays. */
  enlarge(sizeBytes: number): void {
    this.#reach(sizeBytes);
  }

  #reach(sizeBytes: number): void {
    const end = Math.ceil((this.#last + sizeBytes + SLACK_BYTES) / 16) * 16;
    if (end > LIMIT_BYTES) {
      throw new RangeError(
        `Cannot work on a volume of this size at once: kernels can use ${LIMIT_BYTES} bytes, ` +
          `current ${end}; work on smaller subvolumes`,
      );
    }
    this.#end = Math.max(end, this.#end);
    const missing = this.#end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
  }

  /** The exports of `build/<name>.wasm`, working on this memory. */
  async load<Kernel>(name: string): Promise<Kernel> {
    const instance = await WebAssembly.instantiate(await kernelModule(name), {
      env: { memory: this.memory },
    });
    return instance.exports as Kernel;
  }

  u8(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }
  u32(address: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, address, length);
  }
  f32(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }
  f64(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }
}
