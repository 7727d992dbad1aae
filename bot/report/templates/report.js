"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const tools = document.querySelector(".tools");
  const words = tools.querySelector("[type=search]");
  const only = tools.querySelector("[type=checkbox]");
  const order = tools.querySelector("select");
  const toggle = tools.querySelector("button");
  const count = tools.querySelector("output");
  const items = all(".item");
  const texts = new Map();
  const lower = (item) => {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  };
  tools.hidden = false;

  // Filter: words in an item or in the heading of a group around it, and failures.
  const around = (item) => item.parentElement.closest(".item");
  const headed = (item, query) => item !== null
    && ((item.dataset.name || "").toLowerCase().includes(query) || headed(around(item), query));
  const filter = () => {
    const query = words.value.trim().toLowerCase();
    for (const item of items) {
      const found = !query || lower(item).includes(query) || headed(around(item), query);
      item.hidden = !found || (only.checked && item.dataset.failed !== "1");
    }
    for (const held of all(".held")) held.hidden = only.checked;
    const leaves = items.filter((item) => !item.querySelector(".item"));
    const shown = leaves.filter((item) => !item.closest("[hidden]")).length;
    count.textContent = query || only.checked ? `${shown} of ${leaves.length}` : "";
  };
  words.addEventListener("input", filter);
  only.addEventListener("change", filter);

  // Sort: items among their siblings of one kind.
  const numbers = { failed: -1, seconds: -1, order: 1 };
  const compare = (key) => (a, b) => {
    const first = key === "name" ? a.dataset.name.localeCompare(b.dataset.name)
      : numbers[key] * (a.dataset[key] - b.dataset[key]);
    return first || a.dataset.order - b.dataset.order;
  };
  const sort = () => {
    const groups = new Map();
    for (const item of all(".item[data-order]")) {
      const kind = item.parentElement;
      groups.set(kind, [...(groups.get(kind) || []), item]);
    }
    for (const group of groups.values()) {
      const place = document.createComment("");
      group[0].before(place);
      place.replaceWith(...[...group].sort(compare(order.value)));
    }
  };
  order.addEventListener("change", sort);

  for (const head of all("table.sorted th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      const table = head.closest("table");
      const value = (row) => row.cells[head.cellIndex].textContent.trim();
      const rows = [...table.rows].slice(1).sort((a, b) =>
        (up ? 1 : -1) * value(a).localeCompare(value(b), undefined, { numeric: true }));
      for (const other of all("th", table)) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      table.tBodies[0].append(...rows);
    });
  }

  toggle.addEventListener("click", () => {
    const open = toggle.getAttribute("aria-pressed") !== "true";
    for (const part of all("main details")) part.open = open;
    toggle.setAttribute("aria-pressed", open);
    toggle.textContent = open ? "Collapse all" : "Expand all";
  });

  // A link opens what is around its target.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let part = target; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
      part.hidden = part.hidden && !part.matches(".item, .held");
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  // One cursor for the pictures, the timeline, the ladder and the steps of a call.
  const mark = (rows, at) => {
    let now = null;
    for (const row of rows) {
      row.classList.remove("now");
      if (Number(row.dataset.at) <= at && (!now || Number(row.dataset.at) >= Number(now.dataset.at))) now = row;
    }
    if (now) now.classList.add("now");
  };
  const point = (call, at) => {
    call.dataset.now = at.toFixed(3);
    for (const track of all(".track", call)) {
      const { start, end, left, right } = track.dataset;
      const share = (at - start) / (end - start);
      const cursor = track.querySelector(".cursor");
      cursor.hidden = share < 0 || share > 1;
      const place = Number(left) + share * (right - left);
      cursor.style.left = `${100 * place}%`;
      const pane = track.parentElement;
      const middle = place * track.scrollWidth - pane.clientWidth / 2;
      if (pane.scrollWidth > pane.clientWidth) pane.scrollLeft = middle;
    }
    mark(all(".ladder [data-at]", call), at);
    const run = call.closest(".run");
    if (run) mark(all(".step[data-at]", run), at + Number(call.dataset.zero));
  };
  const sounds = all("audio");
  for (const sound of sounds) {
    const call = sound.closest(".call");
    const here = () => point(call, sound.currentTime + Number(sound.dataset.start));
    const follow = () => {
      here();
      if (!sound.paused && !sound.ended) requestAnimationFrame(follow);
    };
    sound.addEventListener("play", () => {
      for (const other of sounds) if (other !== sound) other.pause();
      call.sound = sound;
      follow();
    });
    for (const event of ["seeked", "timeupdate", "ended"]) sound.addEventListener(event, here);
  }
  for (const track of all(".track")) {
    track.addEventListener("click", (event) => {
      const call = track.closest(".call");
      const box = track.getBoundingClientRect();
      const { start, end, left, right } = track.dataset;
      const share = ((event.clientX - box.left) / box.width - left) / (right - left);
      const at = Number(start) + Math.min(Math.max(share, 0), 1) * (end - start);
      const sound = call.sound || call.querySelector("audio");
      if (sound) sound.currentTime = Math.max(0, at - sound.dataset.start);
      point(call, at);
    });
  }
})();
