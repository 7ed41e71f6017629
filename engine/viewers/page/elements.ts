/// <reference lib="dom" />

/** The element of page.html with this id. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Calls `act` for a key without Ctrl, Alt or Command, wherever the focus is but in a field. */
export function onKey(key: string, act: () => void): void {
  document.addEventListener("keydown", (event) => {
    const isTyped = event.target instanceof HTMLInputElement && event.target.type !== "checkbox" ||
      event.target instanceof HTMLSelectElement;
    if (isTyped || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() !== key.toLowerCase()) return;
    event.preventDefault();
    act();
  });
}

/** Calls `act` when a button is pressed, and for its key while it can be. */
export function onButton(id: string, key: string, act: () => void): void {
  const button = element<HTMLButtonElement>(id);
  button.addEventListener("click", act);
  onKey(key, () => {
    if (!button.disabled) act();
  });
}

/** Tells how a number that somebody slides changes. */
export function onSlide(id: string, act: (value: number) => void): HTMLInputElement {
  const input = element<HTMLInputElement>(id);
  input.addEventListener("input", () => act(input.valueAsNumber));
  return input;
}

/** Says something to everybody, those who hear the page included. */
export function say(text: string): void {
  element("status").textContent = text;
}

/** Adds a remark that stays. */
export function remark(text: string): void {
  const item = document.createElement("li");
  item.textContent = text;
  element("notes").append(item);
}
