/** The page of `ffn view`. */
/// <reference lib="dom" />
import type { ViewDescription } from "../view_description.ts";
import { ViewPage } from "./view_page.ts";

/** The folder that the page came from, its token included. */
const base = new URL(".", location.href).href;
const view: ViewDescription = await (await fetch(`${base}view`)).json();
new ViewPage(base, view).start();
