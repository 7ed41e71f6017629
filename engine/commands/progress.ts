/** Progress of a long run on standard error: a bar on a terminal, else a line now and then. */
import type { Context } from "./command.ts";

/** Where a run stands; all numbers count from its beginning, what an interrupted start had done included. */
export interface ProgressState {
  /** Share of the whole work that is done, 0 to 1. */
  readonly fraction: number;
  /** What was done so far, by unit: `{ voxels: 1e6, "FOV steps": 900 }`; shown as rates. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Shows the state of one run. */
export interface ProgressDisplay extends Disposable {
  /** Cheap enough for every step of a run: most calls return at once. */
  update(state: ProgressState): void;
}

const BAR_PERIOD_MS = 100;
// Lines come often at first and then once a minute: a log of a day-long run stays readable.
const LINE_PERIODS_MS = [2_000, 5_000, 10_000, 30_000, 60_000];
const BAR_WIDTH = 24;
/** A rate or remaining time from less than this is noise. */
const MIN_ELAPSED_MS = 500;

/** Starts a display; disposing ends the bar's line. Nothing is shown under `--quiet`. */
export function showProgress(
  context: Pick<Context, "stderr" | "verbosity">,
  label: string,
  now: () => number = () => performance.now(),
): ProgressDisplay {
  if (context.verbosity === "quiet") return { update() {}, [Symbol.dispose]() {} };
  const { stderr } = context;
  const started = now();
  let first: ProgressState | null = null;
  let shownAt = started;
  let lines = 0;
  let barIsOpen = false;
  return {
    update(state) {
      first ??= state;
      const at = now();
      const columns = stderr.columns();
      const period = columns === null
        ? LINE_PERIODS_MS[Math.min(lines, LINE_PERIODS_MS.length - 1)]
        : BAR_PERIOD_MS;
      if (at - shownAt < period) return;
      shownAt = at;
      const text = `${percent(state.fraction)}  ${figures(first, state, at - started)}`;
      if (columns === null) {
        lines++;
        stderr.write(`${label}: ${text}\n`);
      } else {
        barIsOpen = true;
        // \x1b[K clears what a longer line left behind.
        stderr.write(`\r${`${label} ${bar(state.fraction)} ${text}`.slice(0, columns - 1)}\x1b[K`);
      }
    },
    [Symbol.dispose]() {
      if (barIsOpen) stderr.write("\r\x1b[K");
    },
  };
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(Math.max(fraction, 0), 1) * BAR_WIDTH);
  return `[${"#".repeat(full)}${"-".repeat(BAR_WIDTH - full)}]`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

/** Rates since the start of this process, and the time that is left at this pace. */
function figures(first: ProgressState, state: ProgressState, elapsedMs: number): string {
  if (elapsedMs < MIN_ELAPSED_MS) return "";
  const rates = Object.entries(state.counts).map(([unit, count]) => {
    const perSecond = (count - (first.counts[unit] ?? 0)) / (elapsedMs / 1000);
    return `${short(perSecond)} ${unit}/s`;
  });
  const done = state.fraction - first.fraction;
  const left = done > 0 ? [`${duration(elapsedMs * (1 - state.fraction) / done)} left`] : [];
  return [...rates, ...left].join("  ");
}

/** Three significant digits with a metric prefix: 1234567 is `1.23 M`. */
export function short(value: number): string {
  const [prefix, scale] = value >= 1e9
    ? [" G", 1e9]
    : value >= 1e6
    ? [" M", 1e6]
    : value >= 1e4
    ? [" k", 1e3]
    : ["", 1];
  const scaled = value / scale;
  const digits = scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)}${prefix}`;
}

/** `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}
