import { FormatError } from "../errors/errors.ts";
import type { InferenceRequestMessage } from "../formats/protobuf/inference.ts";
import { decodeInferenceRequest, encodeInferenceRequest } from "../formats/protobuf/requests.ts";
import { readNpzFile } from "../segmentation/npz_file.ts";
import { eachSegmentation } from "../segmentation/subvolume_paths.ts";

/** Whether a stored binary request asks for the same segmentation, wherever it goes and however it is scheduled. */
export function isSameRequest(message: InferenceRequestMessage, stored: Uint8Array): boolean {
  const essence = (request: InferenceRequestMessage) => {
    const {
      segmentationOutputDir: _,
      checkpointInterval: __,
      batchSize: ___,
      concurrentRequests: ____,
      alignmentOptions: _____,
      ...rest
    } = request;
    return encodeInferenceRequest(rest).join();
  };
  let other: InferenceRequestMessage;
  try {
    other = decodeInferenceRequest(stored, "request");
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
  return essence(message) === essence(other);
}

/**
 * Checks that a segmentation is one of this request; one without a request passes.
 *
 * @throws {FormatError} when it belongs to another request, or is damaged.
 */
export async function checkOwnSegmentation(
  message: InferenceRequestMessage,
  path: string,
): Promise<void> {
  refuseOther(message, await storedRequest(path), path);
}

/** As `checkOwnSegmentation`, of a folder: its first result that can be read stands for all of them. */
export async function checkOwnFolder(message: InferenceRequestMessage): Promise<void> {
  for await (const { path } of eachSegmentation(message.segmentationOutputDir ?? "")) {
    const stored = await storedRequest(path).catch((error) => {
      if (error instanceof FormatError) return undefined;
      throw error;
    });
    if (stored !== undefined) return refuseOther(message, stored, path);
  }
}

async function storedRequest(path: string): Promise<Uint8Array | null> {
  return await readNpzFile(
    path,
    async (archive) => archive.has("request") ? await archive.readBytes("request") : null,
  );
}

function refuseOther(
  message: InferenceRequestMessage,
  stored: Uint8Array | null,
  path: string,
): void {
  if (stored === null || isSameRequest(message, stored)) return;
  throw new FormatError(
    `Cannot write to "${message.segmentationOutputDir}": it belongs to another request, whose result is "${path}"; choose another segmentation_output_dir`,
    { path },
  );
}
