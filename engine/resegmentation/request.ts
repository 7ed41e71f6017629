import { NotFoundError } from "../errors/errors.ts";
import { decodeMessage, encodeMessage } from "../formats/protobuf/binary.ts";
import { zyxOf } from "../formats/protobuf/requests.ts";
import {
  type ResegmentationRequestMessage,
  ResegmentationRequestSchema,
} from "../formats/protobuf/resegmentation.ts";
import { fieldValue } from "../formats/protobuf/schema.ts";
import { parseText } from "../formats/protobuf/text_reader.ts";
import { printText } from "../formats/protobuf/text_writer.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { type InferenceRequest, resolveRequest } from "../inference/request.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";

/** A place to look at again: whether two objects are one, or, without `idB`, how far one goes. */
export interface DecisionPoint {
  readonly idA: bigint;
  /** Null for an endpoint. */
  readonly idB: bigint | null;
  readonly position: Zyx;
}

/** A checked resegmentation request; vectors zyx in voxels. */
export interface ResegmentationRequest {
  readonly inference: InferenceRequest;
  readonly points: readonly DecisionPoint[];
  /** Half-size of the subvolume around a point. */
  readonly radius: Zyx;
  /** Half-size of the box in which results are judged; null for the whole subvolume. */
  readonly analysisRadius: Zyx | null;
  /** Around each start that was tried, no other is tried. */
  readonly exclusionRadius: Zyx;
  /** Around the point itself, nothing starts; null for no such box. */
  readonly initExclusionRadius: Zyx | null;
  readonly maxRetryIters: number;
  /** Share of the object that a result must hold; 0 asks for `minSegmentSize` voxels instead. */
  readonly segmentRecoveryFraction: number;
  /** Leave out the second object where the first one answers the question. */
  readonly terminateEarly: boolean;
  readonly outputDirectory: string;
  /** Above 1, results go to folders named by so many hex digits. */
  readonly subdirDigits: number;
}

/**
 * Checks a request and turns its vectors around.
 *
 * @throws {RangeError} naming what is missing or out of range.
 */
export function resolveResegmentation(
  message: ResegmentationRequestMessage,
): ResegmentationRequest {
  const refuse = (what: string): never => {
    throw new RangeError(`Cannot run the resegmentation request: ${what}`);
  };
  if (message.inference?.initSegmentation === undefined) {
    return refuse("inference.init_segmentation must name the labels of its objects");
  }
  if (!message.outputDirectory) return refuse("output_directory must name a folder");
  const radius = zyxOf(message.radius ?? {}, "radius");
  if (radius.some((r) => r < 1)) {
    return refuse(`radius must be at least 1 on every axis, current zyx is (${radius.join(", ")})`);
  }
  const vector = (name: "analysisRadius" | "initExclusionRadius") =>
    message[name] === undefined ? null : nonNegative(name, zyxOf(message[name], name));
  const analysisRadius = vector("analysisRadius");
  if (analysisRadius?.some((a, axis) => a > radius[axis])) {
    return refuse(
      `analysis_radius must lie inside radius (${radius.join(", ")}), current zyx is (${
        analysisRadius.join(", ")
      })`,
    );
  }
  const maxRetryIters = fieldValue(ResegmentationRequestSchema, message, "maxRetryIters") ?? 1;
  if (maxRetryIters < 1) {
    return refuse(`max_retry_iters must be at least 1, current ${maxRetryIters}`);
  }
  const subdirDigits = message.subdirDigits ?? 0;
  if (subdirDigits < 0 || subdirDigits > 32) {
    return refuse(`subdir_digits must be 0 to 32, current ${subdirDigits}`);
  }
  return {
    inference: resolveRequest(message.inference),
    points: (message.points ?? []).map(({ idA, idB, point }, i) => ({
      idA: idA || refuse(`points[${i}] needs id_a > 0`),
      idB: idB ?? null,
      position: zyxOf(point ?? {}, `points[${i}]`),
    })),
    radius,
    analysisRadius,
    exclusionRadius: nonNegative(
      "exclusionRadius",
      zyxOf(message.exclusionRadius ?? {}, "exclusion_radius"),
    ),
    initExclusionRadius: vector("initExclusionRadius"),
    maxRetryIters,
    segmentRecoveryFraction: message.segmentRecoveryFraction ?? 0,
    terminateEarly: message.terminateEarly ?? false,
    outputDirectory: message.outputDirectory,
    subdirDigits,
  };
}

function nonNegative(name: string, vector: Zyx): Zyx {
  if (vector.every((n) => n >= 0)) return vector;
  throw new RangeError(
    `Cannot run the resegmentation request: ${name} must not be negative, current zyx is (${
      vector.join(", ")
    })`,
  );
}

/**
 * Reads a request file: text where its name ends in "txt", else binary.
 *
 * @throws {NotFoundError} when there is none, {@linkcode FormatError} or `SyntaxError` when it is damaged.
 */
export async function readResegmentationRequest(
  path: string,
): Promise<ResegmentationRequestMessage> {
  const bytes = await Deno.readFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open resegmentation request "${path}": no such file`);
  });
  if (!path.endsWith("txt")) return decodeMessage(ResegmentationRequestSchema, bytes, path);
  return parseText(ResegmentationRequestSchema, new TextDecoder().decode(bytes), `"${path}"`);
}

/** Writes a request file, as text where its name ends in "txt", else binary. */
export async function writeResegmentationRequest(
  path: string,
  message: ResegmentationRequestMessage,
): Promise<void> {
  const bytes = path.endsWith("txt")
    ? new TextEncoder().encode(printText(ResegmentationRequestSchema, message))
    : encodeMessage(ResegmentationRequestSchema, message);
  await writeFileAtomically(path, bytes);
}
