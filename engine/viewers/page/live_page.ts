/** The page that shows a run: asks for its state and its pictures, and for the next ones when those are there. */
/// <reference lib="dom" />
import type { LiveState } from "../live_server.ts";
import { element, say } from "./elements.ts";

const PERIOD_MS = 1000;
/** The folder that the page came from, its token included. */
const base = new URL(".", location.href).href;
/** Pictures by name; one that is being loaded is not asked for again. */
const shown = new Map<
  string,
  { image: HTMLImageElement; figure: HTMLElement; isLoading: boolean }
>();
let asked = 0;

for (;;) {
  // Nobody looks at a hidden page; the run is left alone.
  if (!document.hidden) {
    try {
      const response = await fetch(`${base}state`);
      if (!response.ok) throw new Error((await response.text()).trim());
      show(await response.json());
      document.documentElement.dataset.live = "running";
    } catch (error) {
      document.documentElement.dataset.live = "gone";
      const reason = error instanceof TypeError ? "" : ` (${(error as Error).message})`;
      say(`The run has ended, or cannot be reached: this is what was seen last${reason}`);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
}

function show({ title, status, fraction, figures, pictures, events }: LiveState): void {
  document.title = `${title} - ffn`;
  document.querySelector("h1")!.textContent = title;
  // Who hears the page is told of changes only.
  if (element("status").textContent !== status) say(status);
  const progress = element<HTMLProgressElement>("progress");
  if (fraction === null) progress.removeAttribute("value");
  else progress.value = fraction;
  element("figures").replaceChildren(...figures.map(([name, value]) => {
    const group = document.createElement("div");
    group.append(textElement("dt", name), textElement("dd", value));
    return group;
  }));
  for (const picture of pictures) showPicture(picture);
  element("events").replaceChildren(...events.map((text) => textElement("li", text)));
}

function showPicture({ name, caption, description }: LiveState["pictures"][number]): void {
  const place = shown.get(name) ?? addPicture(name);
  place.figure.querySelector("figcaption")!.textContent = caption;
  place.image.alt = description;
  if (place.isLoading) return;
  place.isLoading = true;
  place.image.src = `${base}pictures/${name}?${asked++}`;
}

/** A figure that is to be seen as soon as its picture is there. */
function addPicture(name: string) {
  const image = document.createElement("img"), figure = document.createElement("figure");
  figure.hidden = true;
  figure.dataset.name = name;
  figure.append(document.createElement("figcaption"), image);
  element("pictures").append(figure);
  const place = { image, figure, isLoading: false };
  image.addEventListener("load", () => {
    figure.hidden = false;
    place.isLoading = false;
    figure.dataset.loads = String(Number(figure.dataset.loads ?? 0) + 1);
  });
  // There is none yet.
  image.addEventListener("error", () => place.isLoading = false);
  shown.set(name, place);
  return place;
}

function textElement(tag: "dt" | "dd" | "li", text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
