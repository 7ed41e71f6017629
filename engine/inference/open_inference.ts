import type { Backend } from "../backends/backend.ts";
import { type BackendOptions, openBackend } from "../backends/open_backend.ts";
import type { WebGpuBackend } from "../backends/webgpu/backend.ts";
import type { Box } from "../geometry/box.ts";
import { checkCheckpointFits } from "../models/checkpoint_fit.ts";
import { openModelCheckpoint } from "../models/combined_checkpoint.ts";
import { openNetwork, type VariableSource } from "../models/network.ts";
import { open } from "../volumes/open.ts";
import { wholeBox } from "../volumes/volume.ts";
import { Executor } from "./executor.ts";
import type { InferenceRequest } from "./request.ts";
import { Runner, type RunnerResources } from "./runner.ts";

/** How a request is opened. */
export interface OpenInferenceOptions extends BackendOptions {
  /**
   * Who drives floods where a GPU runs the network. "device" unless given: many steps per read. "resident": the host, step
   * by step, with image and object map on the device. "host": the host, and all but the network stays there.
   */
  readonly flood?: "device" | "resident" | "host";
}

/** A request with everything open that it needs. */
export interface OpenInference extends AsyncDisposable {
  /** Segments boxes as the request asks. */
  readonly runner: Runner;
  /** The network; further runners whose requests name the same one may share it. */
  readonly executor: Executor;
  /** Opens a further request whose network is the same; the runner is the caller's to dispose, before this. */
  startAnother(request: InferenceRequest): Promise<Runner>;
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
  options: OpenInferenceOptions = {},
): Promise<OpenInference> {
  await using opened = new AsyncDisposableStack();
  const imageBox = await wholeImage(request);
  const checkpoint = opened.use(
    await openModelCheckpoint(request.model, request.modelCheckpointPath),
  );
  checkCheckpointFits(request.model, checkpoint.prefix, checkpoint.variables);
  const backend = opened.use(await openBackend(options));
  const { model, batchSize } = request;
  const network = opened.use(await openNetwork(model, checkpoint, backend, batchSize));
  const executor = opened.use(new Executor(network, undefined, options.onChoice));
  const createCanvas = backend.name === "webgpu" && options.flood !== "host"
    ? await floodOnDevice(opened, request, checkpoint, backend, options)
    : undefined;
  const resources = { executor, createCanvas };
  const runner = opened.use(await Runner.start(request, resources));
  const owned = opened.move();
  return {
    runner,
    executor,
    startAnother: (other) => Runner.start(other, resources),
    imageBox,
    backendDescription: backend.description,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Makes canvases that flood on a GPU, with a network of their own there; `opened` takes what is to be disposed of. */
async function floodOnDevice(
  opened: AsyncDisposableStack,
  { model, batchSize }: InferenceRequest,
  checkpoint: VariableSource,
  backend: Backend,
  { flood, onChoice: print }: OpenInferenceOptions,
): Promise<RunnerResources["createCanvas"]> {
  const { DeviceCanvases } = await import("./device/device_canvases.ts");
  const { openDeviceNetwork } = await import("./device/device_predictor.ts");
  const gpu = backend as WebGpuBackend;
  const openPredictor = (batch: number) => openDeviceNetwork(model, checkpoint, gpu, batch);
  const canvases = opened.use(
    new DeviceCanvases({
      backend: gpu,
      model,
      batchSize,
      openPredictor,
      resident: flood === "resident",
      print,
    }),
  );
  return (input) => canvases.create(input);
}

async function wholeImage(request: InferenceRequest): Promise<Box> {
  await using image = await open(request.image);
  return wholeBox(image);
}
