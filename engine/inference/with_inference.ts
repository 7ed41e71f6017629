import { DeviceLostError, OutOfMemoryError } from "../backends/webgpu/failure.ts";
import { NotFoundError } from "../errors/errors.ts";
import { type OpenInference, openInference, type OpenInferenceOptions } from "./open_inference.ts";
import type { InferenceRequest } from "./request.ts";

/** Devices that may be lost under one piece of work; a card that fails again and again needs a person. */
const MOST_LOSSES = 3;

/**
 * Opens a request and does `work` with it. When its GPU is lost, or has no memory for what a flood needs on the way,
 * everything is opened anew and `work` is done again, on a new device or with the canvases on the host. `work` must go on
 * from what it saved, as `Runner.run` does from its canvas checkpoint.
 *
 * @throws {DeviceLostError} after the third loss, or when there is no new device.
 */
export async function withInference<T>(
  request: InferenceRequest,
  options: OpenInferenceOptions,
  work: (inference: OpenInference) => Promise<T>,
): Promise<T> {
  let { flood } = options;
  for (let losses = 0;;) {
    try {
      await using inference = await openInference(request, { ...options, flood });
      return await work(inference);
    } catch (error) {
      if (error instanceof OutOfMemoryError && flood !== "host") {
        flood = "host";
        options.onRestart?.(`${error.message}; flooding on the host from the last checkpoint`);
      } else if (error instanceof DeviceLostError && losses < MOST_LOSSES) {
        losses++;
        options.onRestart?.(
          `${error.message}; going on from there with a new device, ${losses} of ${MOST_LOSSES}`,
        );
      } else if (
        losses > 0 && (error instanceof DeviceLostError || error instanceof NotFoundError)
      ) {
        throw new DeviceLostError(
          `Cannot go on after ${losses} lost devices: ${error.message}; --backend wasm goes on with the CPU`,
          { cause: error },
        );
      } else throw error;
    }
  }
}
