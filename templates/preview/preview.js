// The page works without this; with it, it reloads after a change and keeps its place.
"use strict";
const frames = [...document.querySelectorAll("iframe")];
const key = "scroll" + location.search;

// Frames as large as the window allows: three beside each other, and never larger than life.
function fit() {
  const room = document.querySelector(".frames");
  if (!room || innerWidth <= 800) return;
  const wanted = frames.reduce((sum, f) => sum + Number(f.width), 0);
  const zoom = Math.min(1, Math.max(0.5, (room.clientWidth - 16 * (frames.length - 1)) / wanted));
  for (const frame of frames) frame.style.zoom = zoom;
}
addEventListener("resize", fit);
fit();

const places = JSON.parse(sessionStorage.getItem(key) || "[]");
frames.forEach((frame, i) => {
  frame.addEventListener("load", () => frame.contentWindow.scrollTo(0, places[i] || 0));
});
addEventListener("pagehide", () => {
  const now = frames.map((f) => f.contentWindow.scrollY);
  sessionStorage.setItem(key, JSON.stringify(now));
});

const live = document.getElementById("live");
let seen = document.body.dataset.version;
const changes = new EventSource("changes");
changes.onopen = () => { live.textContent = "preview, reloads by itself"; };
changes.onmessage = (event) => {
  if (event.data !== seen) {
    seen = event.data;
    location.reload();
  }
};
changes.onerror = () => { live.textContent = "preview, stopped"; };

const spam = document.getElementById("spam");
if (spam) {
  fetch(spam.dataset.url).then((answer) => answer.text()).then((html) => { spam.innerHTML = html; });
}
