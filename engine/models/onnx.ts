/**
 * Networks as ONNX models, channels first: inputs and output are `[batch, 1, z, y, x]` with batch and sizes free, weights
 * `[out, in, z, y, x]`.
 */
import { BinaryWriter, WireType } from "../formats/protobuf/wire.ts";
import { UnsupportedError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Graph } from "../ops/graph.ts";
import { layerNormAttributes } from "../ops/layer_norm.ts";
import type { Call, Value } from "../ops/op.ts";
import { unaryFunction } from "../ops/unary.ts";
import { LEAKY_SLOPE } from "../ops/unary_grad.ts";
import { spansOf, windowsOf } from "../ops/windows.ts";

/** `ir_version` and operator set that have `LayerNormalization`, which came last of what is used here. */
const IR_VERSION = 8, OPSET = 17;
/** `TensorProto.FLOAT`. */
const FLOAT = 1;

type Attribute = number | { readonly f: number } | readonly number[];

/** Encodes a model's graph with its variables, all float32. */
export function encodeOnnx(graph: Graph, variables: ReadonlyMap<string, NdArray>): Uint8Array {
  const names = new Map<number, string>();
  for (const [name, { id }] of [...graph.inputs, ...graph.parameters]) names.set(id, name);
  for (const [name, { id }] of graph.outputs) names.set(id, name);
  const nameOf = ({ id }: Value) => names.get(id) ?? `value_${id}`;
  const body = new BinaryWriter();
  for (const call of graph.calls) writeCall(body, call, nameOf);
  body.tag(2, WireType.LengthDelimited).string("network");
  for (const [name, value] of graph.parameters) {
    writeInitializer(body, name, value, variables.get(name)!);
  }
  for (const [field, values] of [[11, graph.inputs], [12, graph.outputs]] as const) {
    for (const [name, { shape }] of values) writeValueInfo(body, field, name, shape[4]);
  }
  const model = new BinaryWriter();
  model.tag(1, WireType.Varint).int64(IR_VERSION);
  model.tag(2, WireType.LengthDelimited).string("ffn");
  model.tag(7, WireType.LengthDelimited).bytes(body.finish());
  model.tag(8, WireType.LengthDelimited).fork().tag(2, WireType.Varint).int64(OPSET).join();
  return model.finish();
}

function writeCall(writer: BinaryWriter, call: Call, nameOf: (value: Value) => string): void {
  const inputs = call.inputs.map(nameOf);
  const [output] = call.outputs.map(nameOf);
  const node = (type: string, from: string[], to: string, attributes: Record<string, Attribute>) =>
    writeNode(writer, type, from, to, attributes);
  switch (call.op.name) {
    case "conv3d": {
      const [x, weights] = call.inputs;
      const windows = windowsOf(call.attributes);
      const sides = spansOf(x.shape.slice(1, 4), weights.shape, windows);
      const pads = [...sides.map((s) => s.before), ...sides.map((s) => s.after)];
      const { stride } = windows;
      const strides: Record<string, Attribute> = stride === 1
        ? {}
        : { strides: [stride, stride, stride] };
      return node("Conv", inputs, output, { pads, ...strides });
    }
    case "unary": {
      const types = { relu: "Relu", leaky_relu: "LeakyRelu", sigmoid: "Sigmoid", tanh: "Tanh" };
      const name = unaryFunction(call.attributes);
      const attributes: Record<string, Attribute> = name === "leaky_relu"
        ? { alpha: { f: LEAKY_SLOPE } }
        : {};
      return node(types[name], inputs, output, attributes);
    }
    case "binary": {
      const types = { add: "Add", subtract: "Sub", multiply: "Mul" } as const;
      return node(types[call.attributes.function as keyof typeof types], inputs, output, {});
    }
    case "concat_channels":
      return node("Concat", inputs, output, { axis: 1 });
    case "layer_norm": {
      // The operator normalises over the last axes, so channels go there and back.
      const { epsilon } = layerNormAttributes(call.attributes);
      const [last, done] = [`${output}_last`, `${output}_done`];
      node("Transpose", [inputs[0]], last, { perm: [0, 2, 3, 4, 1] });
      node("LayerNormalization", [last, ...inputs.slice(1)], done, { epsilon: { f: epsilon } });
      return node("Transpose", [done], output, { perm: [0, 4, 1, 2, 3] });
    }
    default:
      throw new UnsupportedError(`Cannot export "${call.op.name}" to ONNX: it is not known there`);
  }
}

function writeNode(
  writer: BinaryWriter,
  type: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>>,
): void {
  writer.tag(1, WireType.LengthDelimited).fork();
  for (const input of inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  writer.tag(2, WireType.LengthDelimited).string(output);
  writer.tag(4, WireType.LengthDelimited).string(type);
  for (const [name, value] of Object.entries(attributes)) {
    writer.tag(5, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name);
    // Numbers of AttributeProto.AttributeType: 1 float, 2 int, 7 ints.
    if (typeof value === "number") {
      writer.tag(3, WireType.Varint).int64(value).tag(20, WireType.Varint).int32(2);
    } else if ("f" in value) {
      writer.tag(2, WireType.Bit32).float(value.f).tag(20, WireType.Varint).int32(1);
    } else {
      for (const n of value) writer.tag(8, WireType.Varint).int64(n);
      writer.tag(20, WireType.Varint).int32(7);
    }
    writer.join();
  }
  writer.join();
}

function writeInitializer(writer: BinaryWriter, name: string, value: Value, array: NdArray): void {
  const { shape, data } = value.shape.length === 5
    ? channelsFirst(value.shape, array.data as Float32Array)
    : { shape: value.shape, data: array.data as Float32Array };
  writer.tag(5, WireType.LengthDelimited).fork();
  for (const n of shape) writer.tag(1, WireType.Varint).int64(n);
  writer.tag(2, WireType.Varint).int32(FLOAT);
  writer.tag(8, WireType.LengthDelimited).string(name);
  writer.tag(9, WireType.LengthDelimited)
    .bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  writer.join();
}

/** Weights `[z, y, x, in, out]` as `[out, in, z, y, x]`. */
function channelsFirst(
  [kz, ky, kx, ci, co]: readonly number[],
  from: Float32Array,
): { shape: number[]; data: Float32Array } {
  const taps = kz * ky * kx;
  const data = new Float32Array(from.length);
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < ci; i++) {
      for (let o = 0; o < co; o++) data[(o * ci + i) * taps + tap] = from[(tap * ci + i) * co + o];
    }
  }
  return { shape: [co, ci, kz, ky, kx], data };
}

function writeValueInfo(writer: BinaryWriter, field: number, name: string, channels: number): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string(name);
  // TypeProto { tensor_type { elem_type, shape } }
  writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int32(FLOAT).tag(2, WireType.LengthDelimited).fork();
  for (const dimension of ["batch", channels, "z", "y", "x"]) {
    writer.tag(1, WireType.LengthDelimited).fork();
    if (typeof dimension === "number") writer.tag(1, WireType.Varint).int64(dimension);
    else writer.tag(2, WireType.LengthDelimited).string(dimension);
    writer.join();
  }
  writer.join().join().join().join();
}
