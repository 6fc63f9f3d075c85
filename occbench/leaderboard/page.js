"use strict";
// The page works without this script: it adds sorting, strata and plots to what the server has written.
// Whatever comes from results goes through textContent or setAttribute, never through markup.

const COLOURS = 8;
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
// What a cell of the data holds, in this order.
const VALUE = 0, TEXT = 1, INTERVAL = 2, GAIN = 3, GAIN_LOW = 4, GAIN_HIGH = 5, GAIN_TEXT = 6, GAIN_INTERVAL = 7, PAIRS = 8;

function element(parent, name, attributes = {}, text = null) {
  // Inside an SVG the parent's namespace is the right one.
  const made = document.createElementNS(parent.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

function board(root) {
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const find = (selector) => root.querySelector(selector);
  const control = (name) => find(`[data-control="${name}"]`);
  const body = find(".board tbody");
  const heads = [...root.querySelectorAll(".board thead th")];
  const rows = [...body.rows];
  const state = { key: "rank", best: true };
  const index = new Map(data.columns.map((column, number) => [`m:${column.id}`, number]));
  const setting = (name) => control(name)?.value ?? "";
  const method = (row) => data.methods[row.dataset.method];
  const cellsOf = (row) => data.cells[setting("stratum")][row.dataset.method];
  const inGain = () => setting("view") === "gain";

  // The number that a row is sorted by, turned so that the best is the lowest; null goes last whichever way.
  function sortable(row, key) {
    const about = method(row);
    if (index.has(key)) {
      const number = index.get(key), cell = cellsOf(row)[number];
      const value = cell[inGain() ? GAIN : VALUE];
      return value !== null && (inGain() || data.columns[number].up) ? -value : value;
    }
    if (key === "against") return about.against && -about.against[0];
    if (key === "n") return -pairs(row);
    return about[key];
  }

  function pairs(row) {
    return setting("stratum") ? cellsOf(row)[index.get(`m:${data.sort}`)][PAIRS] : method(row).n;
  }

  function sort() {
    const way = state.best ? 1 : -1;
    const compare = (a, b) => {
      const x = sortable(a, state.key), y = sortable(b, state.key);
      if (x === null || y === null) return (x === null) - (y === null);
      return way * (typeof x === "string" ? x.localeCompare(y) : x - y) || a.dataset.method - b.dataset.method;
    };
    body.append(...rows.sort(compare));
    for (const head of heads) {
      const key = head.dataset.key, number = index.get(key);
      if (key !== state.key) { head.removeAttribute("aria-sort"); continue; }
      const bestIsHigh = key === "n" || key === "against" || (number !== undefined && (inGain() || data.columns[number].up));
      head.setAttribute("aria-sort", bestIsHigh === state.best ? "descending" : "ascending");
    }
  }

  function refresh() {
    const stratum = setting("stratum"), track = setting("track"), gain = inGain(), chosen = setting("columns");
    for (const row of rows) row.hidden = track !== "" && method(row).track !== track;
    for (const row of rows) row.querySelector('td[data-key="n"]').textContent = pairs(row).toLocaleString("en-US");
    data.columns.forEach((column, number) => {
      const shown = chosen === "all" || (chosen === "overview" ? column.overview : column.region === chosen);
      const cells = rows.map((row) => cellsOf(row)[number]);
      const values = cells.filter((_, k) => !rows[k].hidden).map((cell) => cell[gain ? GAIN : VALUE]).filter((v) => v !== null);
      const best = (gain || column.up ? Math.max : Math.min)(...values);
      const text = gain ? GAIN_TEXT : TEXT;
      const bestText = cells.find((cell) => cell[gain ? GAIN : VALUE] === best)?.[text];
      heads.find((head) => head.dataset.key === `m:${column.id}`).hidden = !shown;
      rows.forEach((row, k) => {
        const cell = row.querySelector(`td[data-key="m:${column.id}"]`);
        cell.hidden = !shown;
        cell.classList.toggle("best", values.length > 0 && cells[k][text] === bestText);
        cell.firstElementChild.textContent = cells[k][text];
        cell.lastElementChild.textContent = cells[k][gain ? GAIN_INTERVAL : INTERVAL];
      });
    });
    const option = control("stratum").selectedOptions[0].textContent;
    find("[data-status]").textContent = stratum ? `Showing pairs with ${option}; rank and ties are those of all pairs.` : "";
    sort();
  }

  for (const head of heads) {
    head.firstElementChild.addEventListener("click", () => {
      state.best = state.key === head.dataset.key ? !state.best : true;
      state.key = head.dataset.key;
      sort();
    });
  }
  for (const name of ["stratum", "columns", "view", "track"]) control(name)?.addEventListener("change", refresh);
  find(".controls").hidden = false;
  refresh();
  plots(root, data);
}

function plots(root, data) {
  const find = (selector) => root.querySelector(selector);
  const binsOf = (by) => data.strata.find((stratum) => stratum.by === by)?.bins ?? [];
  const hidden = new Set();
  // A method whose gain is zero everywhere is the occluded input itself: the zero line shows it.
  const gains = (by, m, c) => binsOf(by).map((bin) => data.cells[`${by} ${bin}`][m][c]);
  const some = (m, c) => ["coverage", "occluder"].some((by) => gains(by, m, c).some((cell) => cell[GAIN]));
  const everybody = data.methods.map((_, m) => m);
  const drawn = everybody.filter((m) => data.columns.some((_, c) => some(m, c)));
  const measured = data.columns.map((_, c) => c).filter((c) => drawn.some((m) => some(m, c)));
  if (!measured.length) return;

  const select = find('[data-control="metric"]');
  for (const c of measured) {
    const { id, label, region } = data.columns[c];
    const option = element(select, "option", { value: c }, region === "full" ? label : `${label}, ${region}`);
    option.selected = id === data.sort;
  }
  const style = (m) => ({ colour: `c${drawn.indexOf(m) % COLOURS}`, dash: DASHES[Math.floor(drawn.indexOf(m) / COLOURS) % DASHES.length] });
  const legend = find(".legend");
  for (const m of drawn) {
    const button = element(legend, "button", { type: "button", "aria-pressed": "true" });
    const swatch = element(button, "span").appendChild(find(".plots figure svg").cloneNode());
    swatch.removeAttribute("role");
    swatch.setAttribute("aria-hidden", "true");
    swatch.setAttribute("class", style(m).colour);
    element(swatch, "line", { x1: 0, y1: 6, x2: 26, y2: 6, class: "line", "stroke-dasharray": style(m).dash });
    mark(swatch, 13, 6, drawn.indexOf(m));
    element(button, "span", {}, data.methods[m].name);
    button.addEventListener("click", () => {
      hidden.has(m) ? hidden.delete(m) : hidden.add(m);
      button.setAttribute("aria-pressed", String(!hidden.has(m)));
      draw();
    });
  }

  function draw() {
    const c = Number(select.value), column = data.columns[c];
    const shown = drawn.filter((m) => !hidden.has(m) && some(m, c));
    for (const figure of root.querySelectorAll("[data-plot]")) {
      const by = figure.dataset.plot, bins = binsOf(by);
      figure.hidden = !bins.length;
      if (!bins.length) continue;
      const lines = shown.map((m) => ({ m, name: data.methods[m].name, cells: gains(by, m, c), ...style(m), number: drawn.indexOf(m) }));
      chart(figure.querySelector("svg"), bins, lines, column, by === "coverage" ? polyline : bars);
      numbers(figure.querySelector("table"), bins, lines, by);
    }
  }
  select.addEventListener("change", draw);
  find(".plots").hidden = false;
  new ResizeObserver(draw).observe(find(".plots"));
}

function ticksOf(low, high) {
  const power = 10 ** Math.floor(Math.log10(high - low));
  const step = [0.1, 0.2, 0.5, 1, 2].map((k) => k * power).find((s) => (high - low) / s <= 6.5);
  const first = Math.floor(low / step + 1e-9), last = Math.ceil(high / step - 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, k) => [(first + k) * step, ((first + k) * step).toFixed(digits).replace("-", "−")]);
}

function chart(svg, bins, lines, column, shapes) {
  svg.replaceChildren();
  const width = svg.clientWidth, height = svg.clientHeight;
  const all = lines.flatMap((line) => line.cells.flatMap((cell) => [cell[GAIN], cell[GAIN_LOW], cell[GAIN_HIGH]])).filter((v) => v !== null);
  const name = `${column.label}${column.region === "full" ? "" : ` (${column.region})`}`;
  svg.setAttribute("aria-label", `Gain in ${name} of ${lines.length} methods over ${bins.join(", ")}. The numbers follow as a table.`);
  if (!all.length || !width) return;
  const low = Math.min(0, ...all), high = Math.max(0, ...all), ticks = ticksOf(low, high > low ? high : low + 1);
  const left = 16 + 7 * Math.max(...ticks.map(([, text]) => text.length)), right = width - 8, top = 26;
  const band = (right - left) / bins.length, names = bins.map((bin) => (bin.length > 16 ? `${bin.slice(0, 15)}…` : bin));
  const longest = 6.5 * Math.max(...names.map((text) => text.length)), slanted = longest > band;
  const bottom = height - (slanted ? 28 + 0.62 * longest : 30);
  const from = ticks[0][0], to = ticks.at(-1)[0];
  const y = (value) => bottom - ((value - from) / (to - from)) * (bottom - top);
  const x = (k) => left + band * (k + 0.5);
  for (const [value, text] of ticks) {
    element(svg, "line", { x1: left, x2: right, y1: y(value), y2: y(value), class: Math.abs(value) < 1e-12 ? "zero" : "grid" });
    element(svg, "text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, text);
  }
  element(svg, "text", { x: 0, y: 12 }, `gain in ${name}${column.unit ? `, ${column.unit}` : ""}`);
  bins.forEach((bin, k) => {
    const place = slanted ? { transform: `translate(${x(k) + 4} ${bottom + 14}) rotate(-38)`, "text-anchor": "end" } : { x: x(k), y: bottom + 18, "text-anchor": "middle" };
    element(element(svg, "text", place, names[k]), "title", {}, bin);
  });
  shapes(svg, bins, lines, x, y, band);
}

function polyline(svg, bins, lines, x, y) {
  for (const { cells, colour } of lines) {
    const known = cells.map((cell, k) => [k, cell]).filter(([, cell]) => cell[GAIN_LOW] !== null);
    const edge = (which) => known.map(([k, cell]) => `${x(k)},${y(cell[which])}`);
    element(svg, "polygon", { points: [...edge(GAIN_HIGH), ...edge(GAIN_LOW).reverse()].join(" "), class: `band ${colour}` });
  }
  for (const { cells, colour, dash, number, name } of lines) {
    const known = cells.map((cell, k) => [k, cell]).filter(([, cell]) => cell[GAIN] !== null);
    const group = element(svg, "g", { class: colour });
    element(group, "polyline", { points: known.map(([k, cell]) => `${x(k)},${y(cell[GAIN])}`).join(" "), class: "line", "stroke-dasharray": dash });
    for (const [k, cell] of known) element(mark(group, x(k), y(cell[GAIN]), number), "title", {}, told(name, bins[k], cell));
  }
}

function bars(svg, bins, lines, x, y, band) {
  const wide = (0.82 * band) / Math.max(1, lines.length);
  lines.forEach(({ cells, colour, name, number: drawn }, number) => {
    // Bars cannot be dashed: where colours come again they are paler.
    const group = element(svg, "g", { class: colour, "fill-opacity": 0.55 ** Math.floor(drawn / COLOURS) });
    cells.forEach((cell, k) => {
      if (cell[GAIN] === null) return;
      const at = x(k) - 0.41 * band + number * wide, ends = [y(0), y(cell[GAIN])];
      const box = { x: at + 0.06 * wide, width: 0.88 * wide, y: Math.min(...ends), height: Math.max(0.5, Math.abs(ends[0] - ends[1])) };
      element(element(group, "rect", { ...box, class: "mark" }), "title", {}, told(name, bins[k], cell));
      const middle = at + wide / 2;
      if (cell[GAIN_LOW] !== null) element(group, "line", { x1: middle, x2: middle, y1: y(cell[GAIN_LOW]), y2: y(cell[GAIN_HIGH]), class: "whisker" });
    });
  });
}

// Circle, square, triangle, diamond: shapes tell methods apart where colours do not.
function mark(parent, x, y, number) {
  const shapes = ["M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", "M-3.2-3.2h6.4v6.4h-6.4z", "M0-4.2L4.2 3.2H-4.2z", "M0-4.6L4.6 0L0 4.6L-4.6 0z"];
  return element(parent, "path", { d: shapes[number % shapes.length], transform: `translate(${x} ${y})`, class: "mark" });
}

function told(name, bin, cell) {
  return `${name}, ${bin}: ${cell[GAIN_TEXT]} ${cell[GAIN_INTERVAL]} (${cell[PAIRS]} pairs)`;
}

function numbers(table, bins, lines, by) {
  table.replaceChildren();
  const head = element(element(table, "thead"), "tr");
  for (const text of [by, ...bins]) element(head, "th", { scope: "col" }, text);
  const body = element(table, "tbody");
  for (const { name, cells } of lines) {
    const row = element(body, "tr");
    element(row, "th", { scope: "row" }, name);
    for (const cell of cells) element(row, "td", {}, `${cell[GAIN_TEXT]} ${cell[GAIN_INTERVAL]}`.trim());
  }
}

function theme() {
  const button = document.getElementById("theme"), root = document.documentElement;
  const show = (dark) => {
    button.setAttribute("aria-pressed", String(dark));
    button.textContent = dark ? "Light" : "Dark";
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  button.addEventListener("click", () => {
    const dark = button.getAttribute("aria-pressed") !== "true";
    root.dataset.theme = dark ? "dark" : "light";
    show(dark);
  });
  system.addEventListener("change", () => root.dataset.theme || show(system.matches));
  show(system.matches);
  button.hidden = false;
}

theme();
document.querySelectorAll("[data-board]").forEach(board);
