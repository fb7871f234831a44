// The list of events: of a store, where each changes until it ends, or what tracked things did.

import { make } from "./camera.js";

const MOST = 100;
const $ = (selector) => document.querySelector(selector);

function when(event, text) {
  const element = make("time", "", `${event.camera}, ${text}`);
  element.dateTime = new Date(event.time * 1000).toISOString();
  return element;
}

function item(event, address, ...content) {
  const image = make("img");
  if (address) image.src = address;
  image.alt = `${event.label}, when it happened`;
  image.loading = "lazy";
  return make("li", event.type, make("div", "", image), make("p", "", ...content));
}

// Show the part of a picture with the thing, which stays where it is in the frame.
function enlarge(image, [left, top, right, bottom]) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const zoom = Math.min(4, Math.max(1, 0.5 / Math.max((right - left) / width, (bottom - top) / height)));
  image.style.transformOrigin = `${(50 * (left + right)) / width}% ${(50 * (top + bottom)) / height}%`;
  image.style.transform = `scale(${zoom})`;
}

function happened(event) {
  const words = {
    appear: "appeared", vanish: "vanished", cross: `crossed ${event.line}, ${event.direction}`, enter: `entered ${event.zone}`,
    leave: `left ${event.zone}`, loiter: `stays in ${event.zone}`,
  };
  const text = `${event.label} #${event.track} ${words[event.type] || event.type}` + (event.seconds ? ` after ${event.seconds.toFixed(0)} s` : "");
  return item(event, event.picture, text, when(event, new Date(event.time * 1000).toLocaleTimeString()));
}

function stored(event) {
  const seconds = event.end === null ? "" : `for ${Math.max(0, event.end - event.start).toFixed(0)} s`;
  const lines = event.lines.map((line) => `crossed ${line.replace("/", ", ")}`);
  const what = [...event.zones.map((zone) => `entered ${zone}`), ...lines, seconds || "still there"];
  const at = new Date(event.time * 1000);
  const clock = at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString() : at.toLocaleString();
  const content = [`${event.label}, ${what.join(", ")}`, when(event, clock)];
  if (event.clip) {
    const play = make("button", "", "Play");
    play.setAttribute("aria-label", `Play the clip of ${event.label}, ${event.camera}, ${clock}`);
    play.addEventListener("click", () => replay(event, clock));
    content.push(play);
  }
  // A better picture has the same address.
  const made = item(event, event.picture && `${event.picture}?${event.id}`, ...content);
  const image = made.querySelector("img");
  image.addEventListener("load", () => enlarge(image, event.box));
  made.id = `event-${event.event}`;
  made.dataset.began = event.start;
  return made;
}

// The server sends the pictures of a clip at their times, as a stream; the last one stays.
function replay(event, clock) {
  $("#clip-title").textContent = `${event.label}, ${event.camera}, ${clock}`;
  const film = make("img");
  film.alt = `Clip of ${event.label}`;
  film.src = event.clip;
  $("#clip div").replaceChildren(film);
  if (!$("#clip").open) $("#clip").showModal();
}

function putStored(list, event) {
  const before = document.getElementById(`event-${event.event}`);
  const focused = before && before.contains(document.activeElement);
  if (before) before.remove();
  const made = stored(event);
  const earlier = [...list.children].find((other) => Number(other.dataset.began) <= event.start);
  list.insertBefore(made, earlier || null);
  if (focused && made.querySelector("button")) made.querySelector("button").focus();
}

// found: what /api/events says. anew: whether what was there before is of another run.
export function showEvents(found, anew) {
  const list = $("#events");
  if (anew) list.replaceChildren();
  for (const event of found.events) {
    if (event.event) putStored(list, event);
    else list.prepend(happened(event));
  }
  while (list.childElementCount > MOST) list.lastElementChild.remove();
  $("#no-events").hidden = list.childElementCount > 0;
}

$("#clip").addEventListener("close", () => {
  $("#clip img").removeAttribute("src"); // which ends the stream
  $("#clip div").replaceChildren();
});
