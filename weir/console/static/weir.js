// What every page has: moments in the viewer's zone, news as they come, a key for the search.
const root = document.documentElement;
const units = (document.querySelector('meta[name="weir-units"]')?.content ?? "").split("|");
const zones = { clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  moment: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  whole: { dateStyle: "full", timeStyle: "long" } };
const shown = Object.fromEntries(Object.entries(zones).map(
  ([how, options]) => [how, new Intl.DateTimeFormat(root.lang, { hourCycle: "h23", ...options })]));

function ago(at) {
  const seconds = Math.round((Date.now() - at) / 1000);
  if (seconds < 5) return units[0];
  const steps = [[60, 1], [3600, 60], [86400, 3600], [172800, 86400]];
  const step = steps.findIndex(([most]) => seconds < most);
  if (step < 0) return shown.moment.format(at);
  return units[step + 1].replace("{n}", Math.floor(seconds / steps[step][1]));
}

function tellTimes(inside = document) {
  for (const time of inside.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const text = time.dataset.how === "ago" ? ago(at) : shown[time.dataset.how].format(at);
    if (time.textContent !== text) time.textContent = text;
    if (!time.title) time.title = shown.whole.format(at);
  }
}

// News: the server says that something has changed; the page asks for itself again, and what is
// marked is changed in place, so that nothing that is being read or typed is lost.
// A page whose news take it long to show looks for them less often: a twentieth of its time at most.
const REST = 20, LONGEST_MS = 15000;
let stream = null, busy = false, again = false;
const told = new Map(); // what the server said last of each part
document.addEventListener("htmx:afterSwap", () => told.clear());

async function renew() {
  if (busy) { again = true; return; }
  busy = true;
  let worked = 0;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    const text = await answer.text(), begun = performance.now();
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const part of document.querySelectorAll("[data-morph][id]")) {
      const other = fresh.getElementById(part.id), says = other?.outerHTML;
      if (!other || told.get(part.id) === says) continue;
      told.set(part.id, says);
      tellTimes(other);
      Idiomorph.morph(part, other, { ignoreActiveValue: true });
    }
    worked = performance.now() - begun;
    document.dispatchEvent(new Event("weir:renewed"));
    if (document.body.dataset.live && !fresh.body.dataset.live) location.reload();
  } catch { /* the server is away; the stream says so */ } finally {
    setTimeout(() => {
      busy = false;
      if (again) { again = false; renew(); }
    }, Math.min(LONGEST_MS, Math.max(500, REST * worked)));
  }
}

function listen() {
  const at = document.body.dataset.live, pulse = document.getElementById("pulse");
  if (!at || !window.Idiomorph || stream) return;
  const says = pulse.querySelector(".says");
  const tell = (on) => {
    pulse.classList.toggle("on", on);
    pulse.classList.toggle("off", !on);
    const text = on ? says.dataset.liveText : says.dataset.awayText;
    if (says.textContent !== text) says.textContent = text;
  };
  stream = new EventSource(at);
  stream.onopen = () => tell(true);
  stream.onerror = () => tell(false);
  stream.addEventListener("changed", () => {
    pulse.classList.remove("beat");
    requestAnimationFrame(() => pulse.classList.add("beat"));
    renew();
  });
}

// A page that nobody looks at holds no connection.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream?.close(); stream = null; } else { listen(); if (document.body.dataset.live) renew(); }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  document.getElementById("go")?.focus();
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
document.addEventListener("htmx:load", (event) => tellTimes(event.target));
// The switches of language and look lead back to what is shown now, not to what was at first.
document.addEventListener("click", (event) => {
  const way = event.target.closest?.(".switches a");
  if (!way) return;
  const to = new URL(way.href);
  to.searchParams.set("next", location.pathname + location.search);
  way.href = to.pathname + to.search;
});
// What is being typed in is never replaced by an answer to what was typed elsewhere.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const at = document.activeElement, typed = at?.matches("textarea, input:not([type=checkbox], [type=radio])");
  if (typed && event.detail.target.contains(at)) event.detail.shouldSwap = false;
});
// A local time goes with how far its zone is from UTC then.
document.addEventListener("submit", (event) => {
  for (const at of event.target.querySelectorAll("input[data-zone]")) {
    const zone = document.getElementById(at.dataset.zone);
    zone.value = at.value ? String(-new Date(at.value).getTimezoneOffset()) : "";
  }
});
// A page of mistakes is an answer too.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 422) { event.detail.shouldSwap = true; event.detail.isError = false; }
});
// In the job file, Tab writes spaces; Escape first lets Tab leave it again.
let leaves = false;
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "yaml") return;
  if (event.key === "Escape") { leaves = true; return; }
  if (event.key !== "Tab" || event.shiftKey || leaves) { leaves = leaves && event.key === "Shift"; return; }
  event.preventDefault();
  event.target.setRangeText("  ", event.target.selectionStart, event.target.selectionEnd, "end");
  event.target.dispatchEvent(new Event("input", { bubbles: true }));
});

// On a phone the filters stand folded above what they filter, and stay as they were left.
const fold = (at, open) => { if (at) at.open = open; };
if (matchMedia("(max-width: 820px)").matches) {
  let open = false;
  const filters = () => document.querySelector("#directory details.folded");
  fold(filters(), open);
  document.addEventListener("htmx:beforeSwap", () => { open = filters()?.open ?? open; });
  document.addEventListener("htmx:afterSettle", () => fold(filters(), open));
}

// Where a drawing is wider than the window, what stands in its middle is where one looks first.
for (const canvas of document.querySelectorAll(".canvas")) {
  const here = canvas.querySelector(".domain.here");
  if (!here || canvas.scrollWidth <= canvas.clientWidth) continue;
  const at = here.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
  canvas.scrollLeft = at.left + at.width / 2 - frame.left - frame.width / 2;
}

tellTimes();
setInterval(tellTimes, 5000);
listen();
