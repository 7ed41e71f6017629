import { type BackendOptions, openBackend } from "../backends/open_backend.ts";
import type { Box } from "../geometry/box.ts";
import { checkCheckpointFits } from "../models/checkpoint_fit.ts";
import { openNetwork } from "../models/network.ts";
import { openCheckpoint } from "../volumes/checkpoint_file.ts";
import { open } from "../volumes/open.ts";
import { wholeBox } from "../volumes/volume.ts";
import { Executor } from "./executor.ts";
import type { InferenceRequest } from "./request.ts";
import { Runner } from "./runner.ts";

/** A request with everything open that it needs. */
export interface OpenInference extends AsyncDisposable {
  /** Segments boxes as the request asks. */
  readonly runner: Runner;
  /** The network; further runners whose requests name the same one may share it. */
  readonly executor: Executor;
  /** All of the image. */
  readonly imageBox: Box;
  /** Where the network runs, in one line. */
  readonly backendDescription: string;
}

/**
 * Opens the inputs, the network and the backend of a request, and checks that they fit each other. What is cheap to
 * check comes first; nothing is written.
 *
 * @throws the error of whatever does not exist, is damaged or does not fit.
 */
export async function openInference(
  request: InferenceRequest,
  options: BackendOptions = {},
): Promise<OpenInference> {
  await using opened = new AsyncDisposableStack();
  const imageBox = await wholeImage(request);
  await using checkpoint = await openCheckpoint(request.modelCheckpointPath);
  checkCheckpointFits(request.model, checkpoint.prefix, checkpoint.variables);
  const backend = opened.use(await openBackend(options));
  const { model, batchSize } = request;
  const network = opened.use(await openNetwork(model, checkpoint, backend, batchSize));
  const executor = opened.use(new Executor(network));
  const runner = opened.use(await Runner.start(request, { executor }));
  const owned = opened.move();
  return {
    runner,
    executor,
    imageBox,
    backendDescription: backend.description,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function wholeImage(request: InferenceRequest): Promise<Box> {
  await using image = await open(request.image);
  return wholeBox(image);
}
