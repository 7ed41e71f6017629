/** Every schema of the product by its name, as the fixtures name them, and the fixtures themselves. */
import * as consensus from "../../../engine/formats/protobuf/consensus.ts";
import * as inference from "../../../engine/formats/protobuf/inference.ts";
import * as masks from "../../../engine/formats/protobuf/masks.ts";
import * as resegmentation from "../../../engine/formats/protobuf/resegmentation.ts";
import type { Schema } from "../../../engine/formats/protobuf/schema.ts";
import * as vectors from "../../../engine/formats/protobuf/vectors.ts";

const exported = [consensus, inference, masks, resegmentation, vectors].flatMap((module) =>
  Object.values(module) as { kind: string }[]
);

/** The oracle has nested messages at top level. */
export const SCHEMAS: ReadonlyMap<string, Schema> = new Map(
  (exported.filter((value) => value.kind === "message") as Schema[]).map((schema) => [
    schema.name.replace(/\.\w+Result\.(?=\w+)/, "."),
    schema,
  ]),
);

/** A text that Google's parser was given: what it became, or the line where it was refused. */
export interface ProtobufCase {
  readonly message: string;
  readonly text: string;
  /** Binary form. */
  readonly hex?: string;
  readonly line?: number;
}

/** Reads a file of `tests/fixtures/protobuf/`. */
export function protobufCases(name: string): ProtobufCase[] {
  const url = new URL(`../../fixtures/protobuf/${name}.json`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(url));
}
