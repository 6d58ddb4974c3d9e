"use strict";
(() => {
  // What is chosen on the map, in its legend or in the reader governs the charts below: each begins with the chosen documents,
  // held against the whole sample.
  const data = JSON.parse(document.getElementById("data").textContent);
  const places = new Map(Array.from(document.querySelectorAll("[data-narrowed]"), (each) => [each.dataset.narrowed, each]));
  const strip = document.getElementById("chosen"), said = document.getElementById("chosen-said");
  const most = 12, bars = 48;
  const number = (value) => Math.round(value).toLocaleString("en-US");
  const share = (part, whole) => {
    if (!part) return "0";
    if (part === whole) return "100 %";
    const percent = (100 * part) / whole;
    return percent > 99.5 ? "> 99 %" : percent < 0.1 ? "< 0.1 %" : `${Number(percent.toPrecision(2))} %`;
  };
  const make = (name, text, kind) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  const shape = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  let rows = null, chosen = [], passes = null;
  const word = (column, row) => rows[column].words[rows[column].of[row]];
  const fails = (row) => rows.failed[row].map((rule) => rows.rules[rule]);
  const host = (row) => (/^\w+:\/\/(?:[^/@]*@)?(?:www\.)?([^/:?#]+)/i.exec(rows.url[row]) || ["", "no address"])[1].toLowerCase();
  const tenths = () => {
    const scores = rows.score.filter((score) => score !== null).sort((a, b) => a - b);
    return Array.from({ length: 9 }, (_, place) => scores[Math.floor(((place + 1) * scores.length) / 10)]);
  };
  const tenth = (bounds, score) => {
    if (score === null) return [];
    const place = bounds.filter((bound) => score >= bound).length, from = bounds[place - 1], to = bounds[place];
    return [place ? (place < 9 ? `${from} to ${to}` : `${from} and more`) : `below ${to}`];
  };
  const size = (row) => {
    const amount = rows.tokens[row] || 0, from = amount ? 2 ** Math.floor(Math.log2(amount)) : 0;
    return rows.tokens[row] === null ? [] : [amount ? `${number(from)} to ${number(2 * from - 1)}` : "0"];
  };
  // Of each section: what is counted, by which names a document counts (several, or none), and whether names have an order.
  const charts = {
    flow: { title: "what became of them", of: (row) => [word("fate", row)], fate: true },
    product: { title: "which sources those kept are from", of: (row) => (word("fate", row) === "kept" ? [word("source", row)] : []), fate: true },
    rules: { title: "which rules they fail", of: fails, fate: true },
    overlap: { title: "which rules they fail together", of: (row) => (fails(row).length > 1 ? [fails(row).sort().join(" + ")] : []), fate: true },
    languages: { title: "their languages", of: (row) => [word("language", row)] },
    domains: { title: "their domains", of: (row) => [host(row)] },
    quality: { title: "their quality scores, by tenths of the sample", of: (row) => tenth(charts.quality.bounds, rows.score[row]), order: (row) => rows.score[row] },
    duplicates: { title: "copies among them", of: (row) => (word("copy", row) ? [word("copy", row)] : []) },
    lengths: { title: "tokens of those that have them", of: size, order: (row) => rows.tokens[row] },
  };

  const counted = (chart) => {
    const found = new Map(), least = new Map(), mine = new Set(chosen);
    for (let row = 0; row < rows.id.length; row += 1) {
      for (const name of chart.of(row)) {
        const each = found.get(name) || { all: 0, mine: 0, kept: 0 };
        each.all += 1;
        if (mine.has(row)) { each.mine += 1; each.kept += word("fate", row) === "kept"; }
        found.set(name, each);
        if (chart.order) least.set(name, Math.min(least.get(name) ?? Infinity, chart.order(row)));
      }
    }
    const listed = Array.from(found).filter(([, each]) => each.mine);
    return listed.sort(chart.order ? ([a], [b]) => least.get(a) - least.get(b) : ([a, x], [b, y]) => y.mine - x.mine || (a < b ? -1 : 1));
  };
  const table = (chart) => {
    const all = counted(chart), listed = chart.order ? all : all.slice(0, most);
    const grid = make("table"), heads = ["", "chosen", "of the chosen", "of the sample", ...(chart.fate ? [] : ["kept of these"]), ""];
    const head = grid.createTHead().insertRow(), body = grid.createTBody();
    heads.forEach((each, place) => { const th = make("th", each, place === heads.length - 1 ? "pic" : place ? "n" : ""); th.scope = "col"; head.append(th); });
    for (const [name, each] of listed) {
      const line = body.insertRow(), first = make("th", name);
      first.scope = "row";
      line.append(first, make("td", number(each.mine), "n"), make("td", share(each.mine, chosen.length), "n"), make("td", share(each.all, rows.id.length), "n"));
      if (!chart.fate) line.append(make("td", share(each.kept, each.mine), "n"));
      const cell = make("td", undefined, "pic"), bar = shape("svg", { class: "bar", "aria-hidden": "true" }), mark = `${(100 * each.all) / rows.id.length}%`;
      bar.append(shape("rect", { class: "of-chosen", width: `${(100 * each.mine) / chosen.length}%`, height: "100%" }), shape("line", { class: "aim", x1: mark, x2: mark, y1: "-20%", y2: "120%" }));
      cell.append(bar);
      line.append(cell);
    }
    const box = make("div", undefined, "scroll");
    box.append(grid);
    const rest = all.length - listed.length;
    return !all.length ? [make("p", "None of the chosen documents.", "quiet")]
      : [box, ...(rest ? [make("p", `${number(rest)} more with fewer.`, "quiet")] : [])];
  };
  const dials = () => {
    const known = passes ? chosen.filter((row) => row < passes.length) : [];
    const before = chosen.filter((row) => !rows.failed[row].length).length, now = known.filter((row) => passes[row]).length;
    const was = `${number(before)} of ${number(chosen.length)} passed every rule in the run`;
    const moved = known.length === chosen.length ? `; ${number(now)} pass with the dials where they are` : "";
    return [make("p", `${was}${moved}. The line over each distribution below is theirs, on a scale of its own.`, "quiet")];
  };
  // The chosen documents' values as a line over each threshold's distribution.
  const outlines = (drawn) => {
    for (const old of document.querySelectorAll("path.of-chosen")) old.remove();
    if (!drawn) return;
    for (const slider of data.sliders) {
      const line = document.querySelector(`[data-bound="${CSS.escape(slider.name)}"]`), values = data.sample.rules[slider.rule];
      if (!line || !values) continue;
      // Places part the picture into cells: a value lies in the cell beside the place of its bound, on the side that is kept.
      const right = (slider.side === "max") !== slider.exclusive, ends = [0, ...slider.x, data.width];
      const cells = new Array(ends.length - 1).fill(0);
      for (const row of chosen) {
        const value = values[row];
        if (value === null || value === undefined) continue;
        let low = 0, high = slider.values.length;
        while (low < high) { const middle = (low + high) >> 1; if (right ? slider.values[middle] < value : slider.values[middle] <= value) low = middle + 1; else high = middle; }
        cells[low] += 1;
      }
      const steps = [];  // neighbouring cells together, until they are as wide as a bar
      let start = 0, sum = 0;
      cells.forEach((each, cell) => {
        sum += each;
        if (ends[cell + 1] - start < data.width / bars && cell < cells.length - 1) return;
        steps.push([start, ends[cell + 1], sum]);
        [start, sum] = [ends[cell + 1], 0];
      });
      const top = Math.max(1, ...steps.map(([, , each]) => each)), tall = Number(line.getAttribute("data-tall"));
      const path = steps.map(([from, to, each], place) => `${place ? "L" : "M"}${from} ${tall * (1 - each / top)}H${to}`).join("");
      line.before(shape("path", { class: "of-chosen", d: path }));
    }
  };
  const show = (why) => {
    const active = chosen.length < rows.id.length && chosen.length > 0;
    if (strip) {
      strip.hidden = !active;
      said.textContent = active ? `${number(chosen.length)} of the sample’s ${number(rows.id.length)} documents chosen: ${why.join("; ")}` : "";
    }
    if (charts.quality.bounds === undefined) charts.quality.bounds = tenths();
    for (const [name, place] of places) {
      place.hidden = !active;
      if (!active) { place.replaceChildren(); continue; }
      const chart = charts[name], title = chart ? chart.title : "how they fare with the dials";
      const mark = chart ? [make("p", "The bar is their share of the chosen, the mark their share of the whole sample. The run’s own numbers follow below.", "quiet")] : [];
      place.replaceChildren(make("h3", `The ${number(chosen.length)} chosen: ${title}`), ...(chart ? table(chart) : dials()), ...mark);
    }
    outlines(active);
  };
  let reasons = [];
  document.addEventListener("reader-unpacked", (event) => { rows = event.detail; });
  document.addEventListener("rows-chosen", (event) => {
    if (!rows) return;
    ({ found: chosen, why: reasons } = event.detail);
    show(reasons);
  });
  document.addEventListener("dials", (event) => {
    passes = event.detail;
    const place = places.get("thresholds");
    if (rows && place && !place.hidden) place.replaceChildren(place.firstChild, ...dials());
  });
})();
