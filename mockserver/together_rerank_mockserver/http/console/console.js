// Without this script the pages work as plain links and forms.
"use strict";

const SECONDS = 2;
const one = (selector) => document.querySelector(selector);

// Show what needs this script.
for (const each of document.querySelectorAll("[data-script], [data-copy]")) each.hidden = false;

// Replace the list, and the count above it, by those of the page at `url`, if they differ.
async function update(url) {
  const response = await fetch(url, {headers: {Accept: "text/html"}});
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of ["list", "count"]) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh && old.innerHTML !== fresh.innerHTML) old.innerHTML = fresh.innerHTML;
  }
}

// Refresh a live list, but not while somebody reads in it.
const live = one("[data-live]");
const pause = one("#pause");
function isRead() {
  const selection = getSelection();
  return live.contains(document.activeElement) || (!selection.isCollapsed && live.contains(selection.anchorNode));
}
if (live) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const isPaused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", isPaused);
  });
  setInterval(() => {
    if (document.hidden || pause.getAttribute("aria-pressed") === "true" || isRead()) return;
    update(location.href).catch(() => {}); // the mock may be restarting
  }, SECONDS * 1000);
}

// Filter as you type. Another namespace needs the whole page, because its links change.
const filter = one("[data-filter]");
let typed = 0;
filter?.addEventListener("input", (event) => {
  if (event.target.name === "namespace") return;
  clearTimeout(typed);
  typed = setTimeout(() => {
    const url = `${location.pathname}?${new URLSearchParams(new FormData(filter))}`;
    history.replaceState(null, "", url);
    update(url).catch(() => {});
  }, 200);
});

filter?.elements.namespace?.addEventListener("change", () => filter.requestSubmit());

// Copy the text below a button.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.closest("section").querySelector("pre");
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(text); // the browser allows the clipboard only with HTTPS or on localhost
  }
});

// Drop a report anywhere on its page.
const drop = one("[data-drop]");
if (drop) {
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.elements.report.files = event.dataTransfer.files;
    if (drop.elements.report.files.length) drop.requestSubmit();
  });
}

// Find the rows of a report that contain a text.
const find = one("[data-find]");
find?.addEventListener("input", () => {
  const rows = [...document.getElementById(find.dataset.find).querySelectorAll("article")];
  const wanted = find.value.toLowerCase();
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  const found = rows.filter((row) => !row.hidden);
  if (wanted) for (const row of found) row.closest("details").open = true;
  one("#count").textContent = `${found.length} of ${rows.length} shown`;
});
