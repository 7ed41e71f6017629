/** Notebooks of `docs/notebooks/`, executed on Deno's Jupyter kernel; `deno task notebook` executes one and keeps its outputs. */
import { join } from "node:path";
import { decodePng, type PngImage } from "../../engine/formats/png.ts";
import { pythonWith, run } from "./python.ts";

/** What executes notebooks. */
export const REQUIREMENTS: readonly string[] = [
  "nbclient==0.11.0",
  "nbformat==5.11.1",
  "jupyter_client==8.10.0",
];

/** The one notebook there is. */
export const NOTEBOOK: string = new URL("../../docs/notebooks/interactive.ipynb", import.meta.url)
  .pathname;

/** What a cell left; texts are whole, or a list of lines. */
interface Output {
  readonly output_type: "stream" | "display_data" | "execute_result" | "error";
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, string | readonly string[]>>;
}

/** The part of a notebook file that tests look at. */
export interface Notebook {
  readonly cells: readonly {
    readonly cell_type: "code" | "markdown";
    readonly source: string | readonly string[];
    readonly outputs?: readonly Output[];
  }[];
}

/** What a notebook shows, in its order. */
export interface Shown {
  /** What it printed. */
  readonly text: string;
  readonly pictures: readonly PngImage[];
}

/**
 * Executes a notebook and writes it, with what it shows, to `target`; `folder` gets the kernel's description.
 *
 * @throws {Error} with the cell and what it threw.
 */
export async function executeNotebook(path: string, target: string, folder: string): Promise<void> {
  const python = await pythonWith(REQUIREMENTS);
  // The only thing that says where the kernel's description goes.
  const env = { XDG_DATA_HOME: folder, JUPYTER_PATH: join(folder, "jupyter"), NO_COLOR: "1" };
  await run(Deno.execPath(), ["jupyter", "--install"], { env });
  const program = new URL("execute_notebook.py", import.meta.url).pathname;
  await run(python, [program, path, target], { env });
}

/** Reads what a notebook shows. */
export async function shownBy(path: string): Promise<Shown> {
  const notebook: Notebook = JSON.parse(await Deno.readTextFile(path));
  const outputs = notebook.cells.flatMap(({ outputs = [] }) => outputs);
  const whole = (text: string | readonly string[]) => [text].flat().join("");
  return {
    text: outputs.map(({ text = "" }) => whole(text)).join(""),
    pictures: outputs.flatMap(({ data = {} }) =>
      "image/png" in data
        ? [decodePng(Uint8Array.fromBase64(whole(data["image/png"])), "a picture of the notebook")]
        : []
    ),
  };
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "ffn-notebook-" });
  try {
    await executeNotebook(NOTEBOOK, NOTEBOOK, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
