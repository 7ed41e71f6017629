import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { duration, short, showProgress } from "../../engine/commands/progress.ts";

function recorder(columns: number | null, verbosity: "quiet" | "normal" = "normal") {
  const written: string[] = [];
  let at = 0;
  const stderr = { write: (text: string) => void written.push(text), columns: () => columns };
  const display = showProgress({ stderr, verbosity }, "run", () => at);
  return { written, display, wait: (ms: number) => void (at += ms) };
}

const state = (fraction: number, voxels: number) => ({ fraction, counts: { voxels } });

Deno.test("showProgress() prints lines with rate and remaining time where there is no terminal", () => {
  const { written, display, wait } = recorder(null);
  display.update(state(0.1, 1000));
  wait(2000);
  display.update(state(0.3, 51_000));
  display.update(state(0.3, 51_000));
  display[Symbol.dispose]();
  // 0.2 of the work in 2 s: 0.7 are left; 50,000 voxels in 2 s.
  deepStrictEqual(written, ["run: 30.0 %  25.0 k voxels/s  7 s left\n"]);
});

Deno.test("showProgress() prints fewer lines the longer a run lasts", () => {
  const { written, display, wait } = recorder(null);
  for (let second = 0; second < 600; second++) {
    wait(1000);
    display.update(state(second / 600, second));
  }
  ok(written.length >= 10 && written.length <= 14, `${written.length} lines in ten minutes`);
});

Deno.test("showProgress() redraws one bar on a terminal, within its width, and clears it", () => {
  const { written, display, wait } = recorder(50);
  wait(1000);
  display.update(state(0.5, 10));
  wait(50);
  display.update(state(0.6, 10));
  display[Symbol.dispose]();
  strictEqual(written.length, 2);
  match(written[0], /^\rrun \[#{12}-{12}\] 50\.0 %/);
  ok(written[0].length <= 50 + "\r\x1b[K".length);
  ok(!written.join("").includes("\n"));
  strictEqual(written[1], "\r\x1b[K");
});

Deno.test("showProgress() prints nothing under --quiet", () => {
  const { written, display, wait } = recorder(80, "quiet");
  wait(10_000);
  display.update(state(0.5, 10));
  display[Symbol.dispose]();
  deepStrictEqual(written, []);
});

Deno.test("short() and duration() keep numbers readable", () => {
  deepStrictEqual([0, 0.5, 12.34, 9999, 12_345, 1_234_567, 5e10].map(short), [
    "0.00",
    "0.50",
    "12.3",
    "9999",
    "12.3 k",
    "1.23 M",
    "50.0 G",
  ]);
  deepStrictEqual([400, 59_400, 185_000, 7_800_000].map(duration), [
    "0 s",
    "59 s",
    "3 min 5 s",
    "2 h 10 min",
  ]);
});
