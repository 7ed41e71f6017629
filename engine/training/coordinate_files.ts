/** Coordinate files by the patterns of `--train_coords`: local paths, globs, shards, and files on web servers. */
import { glob } from "node:fs/promises";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import { readRecords, type TfRecord } from "../formats/tfrecord.ts";
import { httpBody } from "../volumes/http_body.ts";
import { readRecordFile } from "../volumes/record_file.ts";

/**
 * Paths and addresses that each of the patterns, separated by commas, stands for. `a@3.gz` and, on servers, `a-*-of-00003.gz` are three
 * shards; other local patterns are globs; `gs://bucket/x` is the public address of an object.
 *
 * @throws {NotFoundError} when a pattern stands for no file.
 */
export async function coordinateFiles(patterns: string): Promise<string[][]> {
  const files: string[][] = [];
  for (const pattern of patterns.split(",").map((p) => p.trim()).filter((p) => p !== "")) {
    const found = await expand(pattern);
    if (found.length === 0) {
      throw new NotFoundError(`Cannot train: no coordinate file is "${pattern}"`);
    }
    files.push(found);
  }
  if (files.length === 0) throw new NotFoundError("Cannot train: --train-coords names no file");
  return files;
}

async function expand(pattern: string): Promise<string[]> {
  const address = pattern.replace(/^gs:\/\//, "https://storage.googleapis.com/");
  const isRemote = /^https?:\/\//.test(address);
  const shards = /@(\d+)/.exec(address);
  if (shards) {
    const count = Number(shards[1]);
    return Array.from({ length: count }, (_, i) => address.replace(/@\d+/g, shard(i, count)));
  }
  if (isRemote) {
    const all = /-\*-of-(\d{5})/.exec(address);
    const count = Number(all?.[1]);
    if (all) {
      return Array.from({ length: count }, (_, i) => address.replace(all[0], shard(i, count)));
    }
    if (!address.includes("*")) return [address];
    throw new UnsupportedError(
      `Cannot list "${pattern}": on servers only -*-of-NNNNN can be expanded, name the files`,
    );
  }
  if (!/[*?[{]/.test(pattern)) return [pattern];
  return (await Array.fromAsync(glob(pattern))).sort();
}

function shard(i: number, count: number): string {
  const digits = (n: number) => String(n).padStart(5, "0");
  return `-${digits(i)}-of-${digits(count)}`;
}

/** Records of a local file or of one on a server, whose connection may break off on the way. */
export function readCoordinateFile(path: string): AsyncGenerator<TfRecord> {
  return /^https?:\/\//.test(path) ? readRecords(httpBody(path), path) : readRecordFile(path);
}
