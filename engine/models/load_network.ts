import type { Backend } from "../backends/backend.ts";
import { openModelCheckpoint } from "./combined_checkpoint.ts";
import type { ModelArgs } from "./model.ts";
import { type Network, openNetwork } from "./network.ts";
import { createModel } from "./registry.ts";

/** What a request says about its network. */
export interface NetworkRequest {
  /** `module.Class`, as in a request. */
  readonly modelName: string;
  /** Parsed `model_args`. */
  readonly modelArgs: ModelArgs;
  /** Path of a TensorFlow checkpoint without `.index`. */
  readonly checkpointPrefix: string;
  /** Where it runs; stays the caller's. */
  readonly backend: Backend;
  /** Most fields of view per call. */
  readonly batchSize: number;
}

/**
 * Loads the network of a request: model by name, variables from its checkpoint.
 *
 * @throws {NotFoundError | RangeError | FormatError} before anything is allocated when the name, the arguments or the
 * checkpoint do not fit.
 */
export async function loadNetwork(request: NetworkRequest): Promise<Network> {
  const model = createModel(request.modelName, request.modelArgs);
  await using source = await openModelCheckpoint(model, request.checkpointPrefix);
  return await openNetwork(model, source, request.backend, request.batchSize);
}
