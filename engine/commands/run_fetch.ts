import { join } from "node:path";
import { NotFoundError, UsageError } from "../errors/errors.ts";
import { didYouMean } from "../errors/suggest.ts";
import { download } from "../volumes/download.ts";
import type { Context } from "./command.ts";
import { DATA_SETS, type DataFile } from "./data_sets.ts";
import { short, showProgress } from "./progress.ts";

/** What `ffn fetch` was given. */
export interface FetchValues {
  readonly name: string;
  readonly folder: string;
  readonly parts?: string;
  readonly mirror?: string;
  readonly attempts: number;
  readonly acceptChanged: boolean;
}

/** Fetches the files of a data set one after the other, and prints what became of each. */
export async function runFetch(values: FetchValues, context: Context): Promise<void> {
  const { folder, mirror, attempts, acceptChanged } = values;
  const files = filesOf(values);
  using progress = showProgress(context, values.name);
  let sum = 0;
  for (const [i, { path, url, sha256 }] of files.entries()) {
    let bytes = 0;
    const { how, sizeBytes, sha256: found } = await download(
      mirror === undefined ? url : `${mirror.replace(/\/+$/, "")}/${path}`,
      join(folder, path),
      {
        sha256: acceptChanged ? undefined : sha256,
        attempts,
        signal: context.signal,
        log: context.note,
        progress: (done, total) => {
          bytes = done;
          const share = total === undefined ? 0 : done / total;
          progress.update({
            fraction: (i + share) / files.length,
            counts: { bytes: sum + bytes },
          });
        },
      },
    );
    sum += bytes;
    const digest = found === sha256 ? "SHA-256 as recorded" : `SHA-256 ${found}, not as recorded`;
    context.print(`${path}: ${how}, ${short(sizeBytes)} bytes, ${digest}`);
  }
}

/** @throws {NotFoundError | UsageError} naming what there is. */
function filesOf({ name, parts: given }: FetchValues): readonly DataFile[] {
  const known = Object.keys(DATA_SETS);
  if (!known.includes(name)) {
    throw new NotFoundError(
      `Cannot fetch "${name}"${didYouMean(name, known)}: there are ${known.join(", ")}`,
    );
  }
  const { parts, usual } = DATA_SETS[name];
  const wanted = given === undefined ? usual : given.split(",").map((part) => part.trim());
  return wanted.flatMap((part) => {
    if (Object.hasOwn(parts, part)) return parts[part];
    const there = Object.keys(parts);
    throw new UsageError(
      `Cannot use --parts "${given}": "${name}" has no part "${part}"${
        didYouMean(part, there)
      }; it has ${there.join(", ")}`,
    );
  });
}
