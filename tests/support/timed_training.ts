/** `ffn train` or `ffn train-secgan` for some minutes, and the curves that it leaves. */
import type { Command, Context } from "../../engine/commands/command.ts";
import { command as train } from "../../engine/commands/train.ts";
import { decodeScalars } from "../../engine/formats/event_file.ts";
import { readRecordFile } from "../../engine/volumes/record_file.ts";

/** Trains until the time is over, or all steps are done; the run is saved then, as at Ctrl-C, and goes on when called again. */
export async function trainFor(
  minutes: number,
  values: Record<string, unknown>,
  print: (line: string) => void,
  command: Command = train,
): Promise<void> {
  const stop = new AbortController();
  const reason = new Error("time is over");
  const timer = setTimeout(() => stop.abort(reason), minutes * 60_000);
  const context: Context = {
    signal: stop.signal,
    verbosity: "normal",
    print,
    note: (line) => /^(step |iteration |training on)/.test(line) ? print(line) : undefined,
    stderr: { write: () => {}, columns: () => null },
  };
  try {
    await command.run(values, context);
  } catch (error) {
    if (error !== reason) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The values of a scalar in the event files of a folder, by step. */
export async function scalarCurve(
  folder: string,
  tag: string,
): Promise<{ step: number; value: number }[]> {
  const curve: { step: number; value: number }[] = [];
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.startsWith("events.out.tfevents.")) continue;
    for await (const { data } of readRecordFile(`${folder}/${name}`)) {
      const { step, scalars } = decodeScalars(data);
      const value = scalars.get(tag);
      if (value !== undefined) curve.push({ step, value });
    }
  }
  return curve.sort((a, b) => a.step - b.step);
}
