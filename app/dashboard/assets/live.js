// Keeps the page current: asks for its changing part again, less often while that fails, never while nobody looks.
const EVERY = 30_000;
const LONGEST = 300_000;
const part = document.getElementById("live");
const offline = document.getElementById("offline");
let etag = "";
let failures = 0;
let timer;

function plan() {
  clearTimeout(timer);
  if (!document.hidden && part.dataset.source) timer = setTimeout(refresh, Math.min(EVERY * 2 ** failures, LONGEST));
}

async function refresh() {
  try {
    const answer = await fetch(part.dataset.source, {
      headers: etag ? { "If-None-Match": etag } : {},
      cache: "no-store",
      redirect: "manual",
    });
    // A redirect leads to the sign-in page: the session has ended.
    if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
    if (answer.status !== 304) {
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.text());
      etag = answer.headers.get("ETag") ?? "";
    }
    failures = 0;
  } catch {
    failures += 1;
  }
  offline.hidden = failures === 0;
  plan();
}

function show(html) {
  const open = [...part.querySelectorAll("details[open]")].map((each) => each.id);
  const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const scrolled = [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  part.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  part.querySelectorAll(".scroll").forEach((each, place) => (each.scrollLeft = scrolled[place] ?? 0));
  if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

// Without a source it shows an earlier instant, which stays as it is.
document.addEventListener("visibilitychange", () =>
  document.hidden || !part.dataset.source ? clearTimeout(timer) : refresh(),
);
plan();

// Without a script the browser's own menu prints.
const print = document.getElementById("print");
print.hidden = false;
print.addEventListener("click", () => window.print());

// What takes longer comes once the page is there; where it does not come, its link stays.
const insight = document.getElementById("insight");
if (insight) {
  const answer = await fetch(insight.dataset.source, { redirect: "manual" }).catch(() => undefined);
  if (answer?.ok) {
    const told = new DOMParser().parseFromString(await answer.text(), "text/html");
    insight.replaceChildren(...told.body.childNodes);
  }
}
