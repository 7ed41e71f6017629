/** Weights between TensorFlow checkpoints and files that outlive frameworks. */
import { NotFoundError, UsageError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { decodeSafeTensors, encodeSafeTensors } from "../formats/safetensors.ts";
import { describeArchitecture, type Model, type VariableShapes } from "../models/model.ts";
import { encodeOnnx } from "../models/onnx.ts";
import { MODEL_CLASSES } from "../models/registry.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { openCheckpoint, writeCheckpoint } from "../volumes/checkpoint_file.ts";

/** Writes a checkpoint as safetensors or ONNX, by the ending of `output`; says what was written. */
export async function exportCheckpoint(
  { checkpoint: path, output, all }: { checkpoint: string; output: string; all: boolean },
): Promise<string> {
  const isOnnx = output.endsWith(".onnx");
  if (!isOnnx && !output.endsWith(".safetensors")) {
    throw new UsageError(`Cannot export to "${output}": it must end in .safetensors or .onnx`);
  }
  if (isOnnx && all) {
    throw new UsageError("Cannot use --all with ONNX: a network has no optimizer states");
  }
  await using checkpoint = await openCheckpoint(path);
  const model = modelOf(checkpoint.variables, path);
  const names = all ? checkpoint.variables.keys() : model.variables.map(({ name }) => name);
  const tensors = new Map<string, NdArray>();
  for (const name of names) tensors.set(name, await checkpoint.read(name));
  if (isOnnx) await writeFileAtomically(output, encodeOnnx(model.build(1), tensors));
  else {
    const metadata: Record<string, string> = { model: model.name };
    if (checkpoint.variables.has("global_step")) {
      metadata.global_step = String((await checkpoint.read("global_step")).data[0]);
    }
    await writeFileAtomically(output, encodeSafeTensors({ tensors, metadata }));
  }
  return `${tensors.size} variables of ${model.name} (${
    describeArchitecture(model.architecture)
  }) in ${output}`;
}

/** Writes the arrays of a safetensors file as a checkpoint; says what was written. */
export async function importCheckpoint(
  { input, checkpoint }: { input: string; checkpoint: string },
): Promise<string> {
  const bytes = await Deno.readFile(input).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${input}": no such file`);
  });
  const { tensors, metadata } = decodeSafeTensors(bytes, input);
  const model = modelOf(tensors, input);
  const variables = new Map(tensors);
  if (!variables.has("global_step")) {
    const step = Number(metadata.global_step ?? 0);
    variables.set("global_step", { dtype: "int32", shape: [], data: Int32Array.of(step) });
  }
  await writeCheckpoint(checkpoint, variables);
  return `${model.name} (${describeArchitecture(model.architecture)}) in ${checkpoint}`;
}

/** The network whose variables these are; its field of view does not matter to them. */
function modelOf(variables: VariableShapes, path: string): Model {
  for (const modelClass of MODEL_CLASSES) {
    const found = modelClass.inferArchitecture(variables);
    if (!found) continue;
    const { depth, features, layerNorm } = found;
    const sizes = { fov_size: [33, 33, 33], deltas: [8, 8, 8] };
    const norm = layerNorm === undefined ? {} : { use_layernorm: layerNorm };
    return modelClass.create({ ...sizes, depth, features, ...norm });
  }
  throw new NotFoundError(
    `Cannot find a network in "${path}": its variables are those of no known model, known are ${
      MODEL_CLASSES.map(({ name }) => name).join(", ")
    }`,
  );
}
