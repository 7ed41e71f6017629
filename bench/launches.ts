/**
 * Comparisons with other programs: each side is a process of its own, started anew in every round so that the sides take
 * turns, and prints its times as `bench/peers/measure.py` does.
 */
import { join } from "node:path";
import { pythonWith, run as runProgram } from "../tests/support/python.ts";
import type { BenchContext } from "./program.ts";
import { quantile, type Quartiles, quartiles, showQuartiles } from "./statistics.ts";

/** What one launch prints. */
export interface Launch {
  readonly engine: string;
  readonly version: string;
  readonly wallMs: readonly number[];
  readonly cpuMs: readonly number[];
  readonly peakRssBytes: number;
}

/** Starts a side with the arguments that differ from launch to launch. */
export type Start<L extends Launch = Launch> = (...args: string[]) => Promise<L>;

/** Interpreter with what the head of a script of `bench/peers/` requires. */
export async function pythonFor(script: string): Promise<string> {
  const requirements = /^# requirements: (.*)$/m.exec(await Deno.readTextFile(script))![1];
  return await pythonWith(requirements.split(" "));
}

/** A script of `bench/peers/`, by its name without the ending. */
export async function peer<L extends Launch>(
  { root }: BenchContext,
  name: string,
  args: readonly string[],
): Promise<Start<L>> {
  const script = join(root, "bench/peers", `${name}.py`);
  const python = await pythonFor(script);
  return async (...rest) =>
    JSON.parse(await runProgram(python, [script, ...args, ...rest], { cwd: root }));
}

/** A program of ours, by its path from the root. */
export function ours<L extends Launch>(
  { root }: BenchContext,
  path: string,
  args: readonly string[],
): Start<L> {
  const all = ["run", "-A", "--no-check", join(root, path), ...args];
  return async (...rest) =>
    JSON.parse(await runProgram(Deno.execPath(), [...all, ...rest], { cwd: root }));
}

/**
 * Starts every side once per round, in turns; each writes its results to the file that is its last argument. `check` gets
 * them beside those of the first side and throws where they are not the same.
 */
export async function inTurns<L extends Launch>(
  { launches: rounds, folder, print }: BenchContext,
  starts: readonly Start<L>[],
  check: (launch: L, results: string, expected: string) => Promise<void>,
): Promise<L[]> {
  const results = (side: number) => join(folder, `${side}.npy`);
  const launches: L[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [side, start] of starts.entries()) {
      const launch = await start(results(side));
      await check(launch, results(side), results(0));
      launches.push(launch);
      print(`round ${round + 1}  ${describeLaunch(launch)}`);
    }
  }
  return launches;
}

/** One line about a launch. */
export function describeLaunch({ engine, version, wallMs, cpuMs, peakRssBytes }: Launch): string {
  const wall = showQuartiles(quartiles(wallMs));
  const cpu = quantile(cpuMs, 0.5).toFixed(0);
  const memory = (peakRssBytes / 2 ** 20).toFixed(0);
  return `${engine.padEnd(20)} ${version.padEnd(13)} wall ms ${wall}  CPU ms ${cpu}  ${memory} MiB`;
}

/** An engine over all its launches. */
export interface Summary {
  readonly engine: string;
  /** Of the launches' medians. */
  readonly wall: Quartiles;
  readonly cpu: Quartiles;
  /** Median over rounds of this engine's time by that of ours in the same round. */
  readonly ratios: readonly { ours: string; ratio: number; cpuRatio: number }[];
  readonly line: string;
}

/** Median over launches of each launch's median, and how much faster ours are, launch by launch in the same round. */
export function summarise(launches: readonly Launch[]): Summary[] {
  const names = [...new Set(launches.map((launch) => launch.engine))];
  const medians = (engine: string, times: (l: Launch) => readonly number[]) =>
    launches.filter((l) => l.engine === engine).map((l) => quantile(times(l), 0.5));
  const wallOf = (engine: string) => medians(engine, (l) => l.wallMs);
  const cpuOf = (engine: string) => medians(engine, (l) => l.cpuMs);
  const ratioOf = (a: readonly number[], b: readonly number[]) =>
    quantile(a.map((ms, round) => ms / b[round]), 0.5);
  return names.map((engine) => {
    const [own, ownCpu] = [wallOf(engine), cpuOf(engine)];
    const ratios = names.filter((name) => name.startsWith("ffn")).map((ours) => ({
      ours,
      ratio: ratioOf(own, wallOf(ours)),
      cpuRatio: ratioOf(ownCpu, cpuOf(ours)),
    }));
    const [wall, cpu] = [quartiles(own), quartiles(ownCpu)];
    const beside = ratios.map(({ ours, ratio, cpuRatio }) =>
      `${ratio.toFixed(2)} x ${ours} (CPU ${cpuRatio.toFixed(2)} x)`
    ).join(", ");
    const times = `${showQuartiles(wall)} ms, CPU ${showQuartiles(cpu, 0)} ms`;
    return { engine, wall, cpu, ratios, line: `${engine.padEnd(20)} ${times} = ${beside}` };
  });
}
