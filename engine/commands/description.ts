/** What a file holds, as data for `--json` and as text for people. */

/** One value. */
export type Fact = string | number | boolean | readonly (string | number)[];

/** A file described: what kind it is, facts about it, and the things in it. */
export interface Description {
  /** For example `TensorFlow checkpoint`. */
  readonly kind: string;
  readonly facts: Readonly<Record<string, Fact>>;
  /** Rows of equal keys: variables, members, datasets. */
  readonly contents?: readonly Readonly<Record<string, Fact>>[];
}

/** Lines of text without a line end at the end. */
export function printDescription({ kind, facts, contents = [] }: Description): string {
  const width = Math.max(0, ...Object.keys(facts).map((name) => name.length));
  const lines = Object.entries(facts).map(([name, fact]) => {
    // A text of several lines, such as a request, is set below its name.
    const text = show(fact);
    if (!text.includes("\n")) return `  ${name.padEnd(width)}  ${text}`;
    return [`  ${name}`, ...text.trimEnd().split("\n").map((line) => `    ${line}`)].join("\n");
  });
  return [kind, ...lines, ...alignRows(contents).map((row) => `  ${row}`)].join("\n");
}

/** Head and rows with columns of equal width. */
export function alignRows(rows: readonly Readonly<Record<string, Fact>>[]): string[] {
  if (rows.length === 0) return [];
  const names = Object.keys(rows[0]);
  const cells = [names, ...rows.map((row) => names.map((name) => show(row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()
  );
}

function show(fact: Fact): string {
  if (typeof fact === "object") return `(${fact.join(", ")})`;
  return String(fact);
}
