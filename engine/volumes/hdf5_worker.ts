/// <reference lib="deno.worker" />
/**
 * The HDF5 library in a worker of its own: it is synchronous, may hang on a damaged file and grows its memory without a
 * bound, so that here it can be waited for, stopped and limited. The only file that knows `h5wasm`.
 */
import type { Hdf5Attributes, Hdf5Commands, Hdf5Reply, Hdf5Request } from "./hdf5_protocol.ts";
import { type DType, zeros } from "../formats/nd_array.ts";

declare const self: DedicatedWorkerGlobalScope;

/** A chunk has to fit, decompressed; what a damaged file asks for beyond this fails as an allocation. */
const MEMORY_LIMIT_BYTES = 512 * 2 ** 20;
const PAGE_BYTES = 65536;

const grow = WebAssembly.Memory.prototype.grow;
WebAssembly.Memory.prototype.grow = function (pages: number): number {
  const wantedBytes = this.buffer.byteLength + pages * PAGE_BYTES;
  if (wantedBytes > MEMORY_LIMIT_BYTES) throw new RangeError(`${wantedBytes} bytes of memory`);
  return grow.call(this, pages);
};

/** What the library printed during the present command. */
let printed = "";
console.error = (...parts: unknown[]) => printed += `${parts.join(" ")}\n`;

const library = load();

async function load() {
  const { ready, Dataset, Group } = await import("npm:h5wasm@0.10.3/node");
  const h5 = await ready;
  // The C library prints its error stack to stream 2; typed only as far as needed.
  const { streams } = h5.FS as unknown as { streams: object[] };
  Object.assign(streams[2], {
    node: { mode: 0 },
    stream_ops: {
      write(_: unknown, buffer: Int8Array, offset: number, length: number) {
        printed += String.fromCharCode(...buffer.subarray(offset, offset + length));
        return length;
      },
    },
  });
  return { h5, Dataset, Group };
}

type Library = Awaited<ReturnType<typeof load>>;
type H5Module = Library["h5"];

/** `H5T_class_t` of the element types that are numbers. */
const INTEGER = 0, FLOAT = 1, ENUM = 8;

const commands: { [K in keyof Hdf5Commands]: Command<K> } = {
  open({ h5 }, { path, mode }) {
    const flags = { read: h5.H5F_ACC_RDONLY, write: h5.H5F_ACC_RDWR, create: h5.H5F_ACC_EXCL };
    // The library's newest dataset layout cannot be read by others, so no version bounds are given.
    const file = h5.open(path, flags[mode], false, -1, -1);
    if (file < 0n) throw new Error("the file cannot be opened");
    return file;
  },
  close({ h5 }, { file }) {
    expectSuccess(h5.close_file(file));
  },
  list({ h5 }, { file }) {
    const names = h5.get_names(file, "/", true);
    return names.filter((name) => h5.get_type(file, name) === h5.H5G_DATASET);
  },
  describe({ h5 }, { file, dataset }) {
    if (h5.get_type(file, dataset) !== h5.H5G_DATASET) return null;
    const { type, size, signed, shape, chunks, enum_type: names } = h5.get_dataset_metadata(
      file,
      dataset,
    );
    const base = type === ENUM ? names?.type : type;
    return {
      shape: shape ?? [],
      chunks,
      itemBytes: size,
      kind: base === FLOAT ? "float" : base !== INTEGER ? "other" : signed ? "int" : "uint",
      isBoolean: names?.nmembers === 2 && names.members.FALSE === 0 && names.members.TRUE === 1,
    };
  },
  attributes({ Dataset }, { file, dataset, prefixes = [""] }) {
    const attributes: Record<string, Hdf5Attributes[string]> = {};
    const { attrs } = new Dataset(file, dataset);
    for (const name of Object.keys(attrs)) {
      // Only these are read: text lies in a heap where the library loops when it is damaged.
      if (!prefixes.some((prefix) => name.startsWith(prefix))) continue;
      const { shape, value } = attrs[name];
      const values = Array.isArray(value) || ArrayBuffer.isView(value) ? [...value as []] : [value];
      const isPlain = values.every((v) => ["number", "bigint", "string"].includes(typeof v));
      if (isPlain) attributes[name] = { shape: shape ?? [], values: values as (number | string)[] };
    }
    return attributes;
  },
  read({ h5 }, { file, dataset, offset, count, itemBytes }) {
    const strides = count.map(() => 1n);
    const sizeBytes = count.reduce((a, b) => a * b, 1) * itemBytes;
    const bytes = take(h5, sizeBytes, (at) => {
      const [from, extent] = [offset.map(BigInt), count.map(BigInt)];
      expectSuccess(h5.get_dataset_data(file, dataset, extent, from, strides, at));
    });
    return bytes.buffer;
  },
  createDataset({ h5, Group }, { file, dataset, dtype, shape, chunks, gzipLevel, attributes }) {
    let group = new Group(file, "/");
    const names = dataset.split("/").filter((name) => name !== "");
    for (const name of names.slice(0, -1)) {
      group = (group.get(name) ?? group.create_group(name)) as typeof group;
    }
    // The library wants all the data of a new dataset at once: it starts with one chunk and is enlarged after.
    const first = chunks.map((chunk, axis) => Math.min(chunk, shape[axis]));
    const made = group.create_dataset({
      name: names[names.length - 1],
      data: zeros(dtype, first).data,
      dtype: TYPE_CODES[dtype],
      shape: first,
      maxshape: [...shape],
      chunks: [...chunks],
      ...gzipLevel > 0 ? { compression: "gzip", compression_opts: gzipLevel } : {},
    });
    expectSuccess(h5.resize_dataset(file, made.path, shape.map(BigInt)));
    addAttributes(made, attributes);
  },
  addAttributes({ Dataset }, { file, dataset, attributes }) {
    addAttributes(new Dataset(file, dataset), attributes);
  },
  write({ h5 }, { file, dataset, offset, count, data }) {
    const strides = count.map(() => 1n);
    give(h5, new Uint8Array(data), (at) => {
      const [from, extent] = [offset.map(BigInt), count.map(BigInt)];
      expectSuccess(h5.set_dataset_data(file, dataset, extent, from, strides, at));
    });
  },
};

type Command<K extends keyof Hdf5Commands> = (
  library: Library,
  args: Hdf5Commands[K]["args"],
) => Hdf5Commands[K]["result"];

function addAttributes(
  dataset: InstanceType<Library["Dataset"]>,
  attributes: Hdf5Attributes,
): void {
  for (const [name, { shape, values }] of Object.entries(attributes)) {
    const data = typeof values[0] === "bigint"
      ? BigInt64Array.from(values as bigint[])
      : values.length === 0
      ? new Float64Array(0)
      : [...values];
    dataset.create_attribute(name, data as number[], [...shape]);
  }
}

function expectSuccess(status: number): void {
  if (status < 0) throw new Error("the library reports a failure");
}

/** The library's names of the element types that are written. */
const TYPE_CODES: Partial<Record<DType, string>> = {
  bool: "<B",
  uint8: "<B",
  int8: "<b",
  uint16: "<H",
  int16: "<h",
  uint32: "<I",
  int32: "<i",
  uint64: "<Q",
  int64: "<q",
  float32: "<f",
  float64: "<d",
};

/** Lets `fill` write `sizeBytes` into the library's memory and takes a copy of them. */
function take(
  h5: H5Module,
  sizeBytes: number,
  fill: (at: bigint) => void,
): Uint8Array<ArrayBuffer> {
  const at = allocate(h5, sizeBytes);
  try {
    fill(BigInt(at));
    return h5.HEAPU8.slice(at, at + sizeBytes) as Uint8Array<ArrayBuffer>;
  } finally {
    h5._free(at);
  }
}

/** Puts `data` into the library's memory while `use` runs. */
function give(h5: H5Module, data: Uint8Array, use: (at: bigint) => void): void {
  const at = allocate(h5, data.length);
  try {
    h5.HEAPU8.set(data, at);
    use(BigInt(at));
  } finally {
    h5._free(at);
  }
}

function allocate(h5: H5Module, sizeBytes: number): number {
  const at = sizeBytes < MEMORY_LIMIT_BYTES ? h5._malloc(Math.max(1, sizeBytes)) : 0;
  if (at === 0) throw new Error(`${sizeBytes} bytes do not fit into ${MEMORY_LIMIT_BYTES}`);
  return at;
}

/** The innermost entry of the error stack that the library printed: the most specific one. */
function detail(): string {
  const entries = [...printed.matchAll(/#\d+: .*?\(\): (.*)/g)];
  return entries.length > 0 ? entries[entries.length - 1][1].trim() : "";
}

self.onmessage = async ({ data: request }: MessageEvent<Hdf5Request>) => {
  printed = "";
  let reply: Hdf5Reply;
  try {
    const command = commands[request.command] as Command<keyof Hdf5Commands>;
    reply = { id: request.id, result: command(await library, request.args as never) };
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    reply = { id: request.id, problem: detail() || message };
  }
  const bytes = reply.result instanceof ArrayBuffer ? [reply.result] : [];
  self.postMessage(reply, bytes);
};
