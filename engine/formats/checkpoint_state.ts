import { parseText } from "./protobuf/text_reader.ts";
import { printText } from "./protobuf/text_writer.ts";
import { double, repeated, type Schema, schema, string } from "./protobuf/schema.ts";

/** The file `checkpoint` beside TensorFlow checkpoints, which names the newest and those that are kept. */
export interface CheckpointState {
  /** Prefix of the newest, relative to the file's folder or absolute. */
  readonly modelCheckpointPath?: string;
  /** Oldest first. */
  readonly allModelCheckpointPaths?: readonly string[];
  /** Seconds since 1970, one per path; newer versions of TensorFlow write them. */
  readonly allModelCheckpointTimestamps?: readonly number[];
  readonly lastPreservedTimestamp?: number;
}

const CheckpointStateSchema: Schema<CheckpointState> = schema("tensorflow.CheckpointState", {
  modelCheckpointPath: string(1),
  allModelCheckpointPaths: repeated(string(2)),
  allModelCheckpointTimestamps: repeated(double(3)),
  lastPreservedTimestamp: double(4),
});

/**
 * Parses a state file; `path` is for messages.
 *
 * @throws {SyntaxError} with line and column.
 */
export function parseCheckpointState(text: string, path: string): CheckpointState {
  return parseText(CheckpointStateSchema, text, `"${path}"`);
}

/** Prints a state file. */
export function printCheckpointState(state: CheckpointState): string {
  return printText(CheckpointStateSchema, state);
}
