"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent).reader;
  const by = (id) => document.getElementById(id);
  const holder = by("reader-rows");
  if (!data) return;
  let rows;
  try {
    const bytes = Uint8Array.from(atob(data.packed), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    rows = JSON.parse(await new Response(stream).text());
  } catch {
    if (holder) holder.textContent = "This browser cannot unpack the sample: one of 2023 or later can.";
    return;
  }
  document.dispatchEvent(new CustomEvent("reader-unpacked", { detail: rows }));
  if (!holder) return;
  const count = rows.id.length, page = 20;
  const make = (name, text, kind) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  const grouped = (value) => Math.round(value).toLocaleString("en-US");
  const word = (column, row) => rows[column].words[rows[column].of[row]];
  const field = { search: by("reader-search") };
  for (const name of ["fate", "rule", "source", "language"]) field[name] = by(`reader-${name}`);
  const option = (select, value, number) => {
    const each = make("option", number === undefined ? value : `${value} (${grouped(number)})`);
    each.value = value;
    select.append(each);
  };
  const tally = (column) => {
    const counts = new Array(rows[column].words.length).fill(0);
    for (const place of rows[column].of) counts[place] += 1;
    return counts;
  };
  for (const name of ["fate", "source", "language"]) {
    const counts = tally(name);
    rows[name].words.forEach((each, place) => option(field[name], each, counts[place]));
  }
  const carried = Object.keys(rows.meta || {});  // columns of the input, each a facet
  for (const name of carried) {
    const label = make("label"), select = make("select"), { words, of } = rows.meta[name];
    option(select, "");
    select.options[0].textContent = "any";
    words.forEach((each, place) => option(select, each, of.filter((one) => one === place).length));
    label.append(make("span", name), select);
    by("reader-controls").append(label);
    select.id = `reader-meta-${name}`;
    field[`meta.${name}`] = select;
  }
  const value = (name, row) => rows.meta[name].words[rows.meta[name].of[row]];
  const failing = new Array(rows.rules.length).fill(0);
  for (const failed of rows.failed) for (const rule of failed) failing[rule] += 1;
  rows.rules.map((rule, place) => [failing[place], rule]).sort((a, b) => b[0] - a[0]).forEach(([number, rule]) => option(field.rule, rule, number));
  const searched = rows.id.map((id, row) => `${id} ${rows.url[row]} ${rows.text[row].join(" ")}`.toLowerCase());

  // What is chosen: facets, words, the map's legend, or documents drawn at random.
  let first = 0, opened = -1, drawn = null, lasso = null;
  const hidden = new Set();  // names in the map's legend that were switched off
  let colour = { name: () => "", names: [] };
  const chosen = () => {
    if (drawn) return drawn;
    const wanted = field.search.value.trim().toLowerCase();
    const rule = field.rule.value ? rows.rules.indexOf(field.rule.value) : -1;
    const found = [];
    for (let row = 0; row < count; row += 1) {
      if (field.fate.value && word("fate", row) !== field.fate.value) continue;
      if (field.source.value && word("source", row) !== field.source.value) continue;
      if (field.language.value && word("language", row) !== field.language.value) continue;
      if (rule >= 0 && !rows.failed[row].includes(rule)) continue;
      if (carried.some((name) => field[`meta.${name}`].value && value(name, row) !== field[`meta.${name}`].value)) continue;
      if (lasso && !lasso.has(row)) continue;
      if (wanted && !searched[row].includes(wanted)) continue;
      if (hidden.size && hidden.has(colour.name(row))) continue;
      found.push(row);
    }
    return found;
  };

  // Why these and no others, in words: what the page says above its charts.
  const reasons = () => [
    ...(drawn ? ["ten drawn at random"] : []),
    ...(lasso && !drawn ? [`${grouped(lasso.size)} drawn around on the map`] : []),
    ...(drawn ? [] : Object.entries(field).filter(([, each]) => each.value).map(([name, each]) => `${name.replace("meta.", "")} ${each.value.trim()}`)),
    ...(hidden.size && !drawn ? [`without ${Array.from(hidden).slice(0, 3).join(", ")}${hidden.size > 3 ? ` and ${hidden.size - 3} more` : ""}`] : []),
  ];
  // The same set in the whole run, where facets alone say which it is: a command that lists it.
  const literal = (text) => `'${text.replace(/'/g, "''")}'`;
  const conditions = {
    fate: (value) => (value === "kept" ? "kept" : value === "no output" ? "not kept and dropped_at is null" : `dropped_at = ${literal(value)}`),
    rule: (value) => `list_contains(failed, ${literal(value)})`,
    source: (value) => `source = ${literal(value)}`,
    language: (value) => (value === "not identified" ? "language is null" : `language = ${literal(value)}`),
  };
  const command = () => {
    const asked = Object.entries(field).filter(([, each]) => each.value);
    if (drawn || lasso || hidden.size || !asked.length || asked.some(([name]) => !conditions[name])) return "";
    const where = ["chars is not null", ...asked.map(([name, each]) => conditions[name](each.value))].join(" and ");
    return `curate query ${data.run} "${`select id, url from ledger where ${where}`.replace(/[\\"$`]/g, "\\$&")}" --limit ${data.total} --format csv`;
  };
  const csv = (found) => {
    const cell = (value) => (/^[=+\-@\t\r]/.test(value) ? `"'${value.replace(/"/g, '""')}"` : /[",\n\r]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value);
    const heads = ["id", "url", "source", "fate", "language", "score", "chars", "tokens", "failed", ...carried];
    const lines = found.map((row) => [rows.id[row], rows.url[row], word("source", row), word("fate", row), word("language", row), String(rows.score[row] ?? ""),
      String(rows.chars[row] ?? ""), String(rows.tokens[row] ?? ""), rows.failed[row].map((rule) => rows.rules[rule]).join(" "), ...carried.map((name) => value(name, row))].map(cell).join(","));
    return `${[heads.map(cell).join(","), ...lines].join("\r\n")}\r\n`;
  };

  const copied = (text, shown) => {
    const element = make("code", shown || text, "copy");
    element.dataset.copy = text;
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", `copy ${shown || text}`);
    return element;
  };
  const passage = (title, text) => {
    const box = make("div");
    const quote = make("blockquote", text || "(nothing is left)");
    quote.dir = "auto";
    quote.tabIndex = 0;
    box.append(make("h3", title), quote);
    return box;
  };
  const detail = (row) => {
    const box = make("div", undefined, "detail");
    const why = make("ul");
    for (const rule of rows.failed[row]) {
      const value = rows.values[row][rule];
      why.append(make("li", `${rows.rules[rule]}${value === undefined || value === null ? "" : `: the value is ${value}`}`));
    }
    if (!rows.failed[row].length) why.append(make("li", "fails no rule"));
    if (word("copy", row)) why.append(make("li", `found among copies: ${word("copy", row)}`));
    for (const name of carried) why.append(make("li", `${name}: ${value(name, row)}`));
    const head = make("div");
    head.append(make("h3", `Why: ${word("fate", row)}`), why);
    const texts = rows.text[row];
    const pair = make("div", undefined, "versions");
    if (!texts.length) pair.append(make("p", "The text is not shown.", "quiet"));
    else if (texts.length === 1) pair.append(passage("Text, unchanged as far as it is shown", texts[0]));
    else pair.append(passage("Before, as extracted", texts[0]), passage("After", texts[1]));
    const commands = make("p", undefined, "quiet");
    const link = make("a", "link to this row");
    link.href = `#row=${rows.id[row]}`;
    commands.append(copied(`curate explain ${data.run} ${rows.id[row]}`), make("br"), link);
    box.append(head, pair, commands);
    return box;
  };
  const line = (row) => {
    const box = make("div", undefined, "row");
    const button = make("button", undefined, "open");
    button.type = "button";
    button.setAttribute("aria-expanded", String(row === opened));
    const fate = word("fate", row);
    button.append(
      make("span", fate, `chip ${fate === "kept" ? "ok" : ""}`),
      make("span", (rows.text[row][0] || "").slice(0, 110).replace(/\s+/g, " ") || "(no text)", "begins"),
    );
    button.addEventListener("click", () => open(row === opened ? -1 : row));
    const facts = make("p", undefined, "quiet");
    facts.append(copied(rows.id[row], `${rows.id[row].slice(0, 8)}…`));
    if (rows.url[row]) facts.append(" ", copied(rows.url[row]));
    const score = rows.score[row] === null ? "" : ` · score ${rows.score[row]}`;
    const size = rows.tokens[row] ? `${grouped(rows.tokens[row])} tokens` : `${grouped(rows.chars[row] || 0)} characters`;
    facts.append(` · ${word("source", row)} · ${word("language", row)}${score} · ${size} · fails ${rows.failed[row].length}`);
    box.append(button, facts);
    if (row === opened) box.append(detail(row));
    box.dataset.row = rows.id[row];
    return box;
  };
  const show = () => {
    const found = chosen();
    first = Math.max(0, Math.min(first, Math.floor((found.length - 1) / page) * page));
    holder.replaceChildren(...found.slice(first, first + page).map(line));
    by("reader-said").textContent = found.length
      ? `${grouped(found.length)} document${found.length === 1 ? "" : "s"}${drawn ? " drawn at random" : ""}${lasso ? " of those drawn around" : ""}, ${grouped(first + 1)} to ${grouped(Math.min(found.length, first + page))} shown`
      : "No document is like that.";
    const whole = command();
    by("reader-whole").replaceChildren(...(whole ? ["All of these in the run: ", copied(whole)] : []));
    for (const name of ["reader-ids", "reader-csv"]) by(name).disabled = !found.length;
    by("reader-ids").dataset.copy = found.map((row) => rows.id[row]).join("\n");
    document.dispatchEvent(new CustomEvent("rows-chosen", { detail: { found, why: reasons() } }));
    by("reader-earlier").disabled = first === 0;
    by("reader-later").disabled = first + page >= found.length;
    paint(found);
  };
  const open = (row, scroll) => {
    opened = row;
    if (row >= 0) {
      const place = chosen().indexOf(row);
      if (place < 0) { clear(); first = row - (row % page); } else first = place - (place % page);
    }
    show();
    const box = Array.from(holder.children).find((each) => row >= 0 && each.dataset.row === rows.id[row]);
    if (box && scroll) box.scrollIntoView({ block: "center", behavior: "instant" });
    if (box) box.querySelector("button").focus({ preventScroll: true });
  };
  const clear = () => {
    drawn = null;
    lasso = null;
    hidden.clear();
    for (const each of Object.values(field)) each.value = "";
    first = 0;
    legend();
  };
  by("reader-controls").addEventListener("submit", (event) => event.preventDefault());
  by("reader-controls").addEventListener("input", () => { drawn = null; first = 0; opened = -1; show(); });
  for (const name of ["reader-clear", "chosen-clear"]) by(name).addEventListener("click", () => { clear(); opened = -1; show(); });
  by("reader-csv").addEventListener("click", () => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([csv(chosen())], { type: "text/csv" }));
    link.download = "documents.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  by("reader-earlier").addEventListener("click", () => { first -= page; show(); });
  by("reader-later").addEventListener("click", () => { first += page; show(); });
  for (const button of document.querySelectorAll("[data-random]")) {
    button.addEventListener("click", () => {
      clear();
      const kept = button.dataset.random === "kept";
      const all = rows.id.map((_, row) => row).filter((row) => (word("fate", row) === "kept") === kept);
      drawn = [];
      while (drawn.length < 10 && all.length) drawn.push(...all.splice(Math.floor(Math.random() * all.length), 1));
      opened = -1;
      show();
    });
  }
  // Other parts of the page ask for documents: of a fate, a source, a rule, a language, or words.
  document.addEventListener("reader-asked", (event) => {
    clear();
    for (const [name, wanted] of Object.entries(event.detail)) {
      const there = name === "search" || Array.from(field[name].options).some((each) => each.value === wanted);
      field[name].value = there ? wanted : "";
    }
    opened = -1;
    show();
    document.getElementById("reader").scrollIntoView({ behavior: "instant" });
    by("reader-said").focus({ preventScroll: true });
  });
  const linked = () => {
    const wanted = /^#row=([0-9a-f]+)$/.exec(location.hash);
    const row = wanted ? rows.id.findIndex((id) => id.startsWith(wanted[1])) : -1;
    if (wanted && row < 0) by("reader-said").textContent = `No row of the sample has the id ${wanted[1]}.`;
    if (row >= 0) open(row, true);
  };

  // The map: dots in the colours of what is asked, those that are not chosen faint.
  const canvas = by("map-canvas"), chooser = by("map-colour"), said = by("map-said");
  const tints = ["#7b6cc4", "#c9932c", "#4f9d69", "#b84a7a", "#5a8fd0", "#94703f", "#8aa02c", "#c46a4f", "#6d7a86"];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clumps = rows.map ? rows.id.map((_, row) => {
    let best = "", least = Infinity;
    for (const [x, y, , words] of rows.map.clumps) {
      const far = (x - rows.map.x[row]) ** 2 + (y - rows.map.y[row]) ** 2;
      if (far < least) [best, least] = [words, far];
    }
    return best || "no clump";
  }) : [];
  let passes = null;  // what the dials below decide of each row that they know
  const of = {
    fate: (row) => word("fate", row),
    rule: (row) => (rows.failed[row].length ? rows.rules[rows.failed[row].reduce((a, b) => (failing[a] >= failing[b] ? a : b))] : "fails none"),
    language: (row) => word("language", row),
    source: (row) => word("source", row),
    quality: (row) => (rows.score[row] === null ? "no score" : ["lowest third", "middle third", "highest third"][third(rows.score[row])]),
    copy: (row) => word("copy", row) || "no copy",
    clump: (row) => clumps[row],
    dials: (row) => (passes === null || row >= passes.length ? "not known" : passes[row] === (rows.failed[row].length === 0) ? (passes[row] ? "passes, as before" : "fails, as before") : passes[row] ? "would pass now" : "would fail now"),
  };
  const ranked = rows.score.filter((score) => score !== null).sort((a, b) => a - b);
  const third = (score) => (score >= ranked[Math.floor((2 * ranked.length) / 3)] ? 2 : score >= ranked[Math.floor(ranked.length / 3)] ? 1 : 0);
  const tint = (name, place) => {
    if (["kept", "fails none", "passes, as before", "highest third"].includes(name)) return style("--kept");
    if (["not known", "no score", "no copy", "not identified", "fails, as before"].includes(name)) return style("--dim");
    if (name === "would fail now") return style("--gone");
    if (name === "would pass now") return style("--aside");
    return place < tints.length ? tints[place] : style("--dim");
  };
  const legend = () => {
    if (!canvas) return;
    const name = of[chooser.value], counts = new Map();
    for (let row = 0; row < count; row += 1) counts.set(name(row), (counts.get(name(row)) || 0) + 1);
    const names = Array.from(counts.keys()).sort((a, b) => counts.get(b) - counts.get(a));
    const others = names.filter((each) => tint(each, 99) === style("--dim"));
    let place = 0;
    colour = { name, names, tint: new Map(names.map((each) => [each, tint(each, others.includes(each) ? place++ : 0)])) };
    by("map-legend").replaceChildren(...names.slice(0, 14).map((each) => {
      const button = make("button");
      const key = make("span", undefined, "dot");
      key.style.setProperty("background", colour.tint.get(each));
      button.type = "button";
      button.setAttribute("aria-pressed", String(!hidden.has(each)));
      button.append(key, `${each} ${grouped(counts.get(each))}`);
      button.addEventListener("click", () => {
        if (hidden.has(each)) hidden.delete(each); else hidden.add(each);
        drawn = null; first = 0; opened = -1;
        button.setAttribute("aria-pressed", String(!hidden.has(each)));
        show();
      });
      return button;
    }));
  };
  const edge = 26;
  const at = (row) => {
    const { width, height } = canvas.getBoundingClientRect(), { x, y, size } = rows.map;
    return [edge + ((width - 2 * edge) * x[row]) / size, edge + ((height - 2 * edge) * y[row]) / size];
  };
  let painted = [];
  const paint = (found) => {
    if (!canvas || !rows.map) return;
    painted = found;
    const { width, height } = canvas.getBoundingClientRect(), scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d"), radius = width < 500 ? 2 : 2.8;
    pen.scale(scale, scale);
    const dot = (row, fill, alpha, size) => {
      const [x, y] = at(row);
      pen.globalAlpha = alpha;
      pen.fillStyle = fill;
      pen.beginPath();
      pen.arc(x, y, size, 0, 7);
      pen.fill();
    };
    const there = new Set(found), dim = style("--dim");
    for (let row = 0; row < count; row += 1) if (!there.has(row)) dot(row, dim, 0.18, radius * 0.8);
    for (const row of found) dot(row, colour.tint.get(colour.name(row)), 0.8, radius);
    pen.globalAlpha = 1;
    if (opened >= 0) {
      const [x, y] = at(opened);
      pen.strokeStyle = style("--ink");
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(x, y, radius + 4, 0, 7);
      pen.stroke();
    }
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.lineWidth = 3.5;
    pen.lineJoin = "round";
    pen.strokeStyle = style("--card");
    pen.fillStyle = style("--ink");
    const boxes = [];
    for (const [cx, cy, , words] of rows.map.clumps) {
      const text = width < 500 ? words.split(" ")[0] : words, half = pen.measureText(text).width / 2 + 4;
      const x = Math.min(width - half, Math.max(half, edge + ((width - 2 * edge) * cx) / rows.map.size));
      const y = edge + ((height - 2 * edge) * cy) / rows.map.size;
      if (boxes.some((box) => Math.abs(box[0] - x) < box[2] + half && Math.abs(box[1] - y) < 15)) continue;
      boxes.push([x, y, half]);
      pen.strokeText(text, x, y);
      pen.fillText(text, x, y);
    }
  };
  if (canvas && rows.map) {
    const nearest = (event) => {
      const box = canvas.getBoundingClientRect();
      let best = -1, least = 14 ** 2;
      for (const row of painted) {
        const [x, y] = at(row), far = (x - event.clientX + box.left) ** 2 + (y - event.clientY + box.top) ** 2;
        if (far < least) [best, least] = [row, far];
      }
      return best;
    };
    canvas.addEventListener("pointermove", (event) => {
      const row = nearest(event);
      canvas.style.setProperty("cursor", row < 0 ? "default" : "pointer");
      said.textContent = row < 0 ? "" : `${word("fate", row)} · ${rows.url[row] || rows.id[row]} · ${word("language", row)} · ${
        rows.failed[row].length ? `fails ${rows.failed[row].slice(0, 3).map((rule) => rows.rules[rule]).join(", ")}${rows.failed[row].length > 3 ? " …" : ""}` : "fails no rule"}`;
    });
    // Drawn around: the dots inside are what map and reader keep, until Clear.
    let path = null, around = false;
    const point = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    const inside = ([x, y], polygon) => {
      let odd = false;
      polygon.forEach(([ax, ay], place) => {
        const [bx, by] = polygon[(place + 1) % polygon.length];
        if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
      });
      return odd;
    };
    canvas.addEventListener("pointerdown", (event) => { if (!event.button) { path = [point(event)]; around = false; } });
    canvas.addEventListener("pointermove", (event) => {
      if (!path || !event.buttons) return;
      const next = point(event), [x, y] = path[path.length - 1];
      if (Math.hypot(next[0] - x, next[1] - y) < 6) return;
      if (!around) canvas.setPointerCapture?.(event.pointerId);
      around = true;
      path.push(next);
      paint(painted);
      const pen = canvas.getContext("2d");
      pen.strokeStyle = style("--ink");
      pen.lineWidth = 1.5;
      pen.beginPath();
      path.forEach(([px, py], place) => (place ? pen.lineTo(px, py) : pen.moveTo(px, py)));
      pen.stroke();
    });
    canvas.addEventListener("pointerup", () => {
      if (around && path.length > 2) {
        const found = painted.filter((row) => inside(at(row), path));
        lasso = found.length ? new Set(found) : null;
        drawn = null; first = 0; opened = -1;
        show();
      }
      path = null;
    });
    canvas.addEventListener("pointercancel", () => { path = null; around = false; });
    canvas.addEventListener("click", (event) => { if (around) { around = false; return; } const row = nearest(event); if (row >= 0) open(row, true); });
    chooser.addEventListener("change", () => { hidden.clear(); legend(); show(); });
    new ResizeObserver(() => paint(painted)).observe(canvas);
    const repaint = () => requestAnimationFrame(() => { legend(); paint(painted); });
    by("theme").addEventListener("click", repaint);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    addEventListener("beforeprint", () => { legend(); paint(painted); });
  }
  document.addEventListener("dials", (event) => {
    passes = event.detail;
    if (!canvas || chooser.value !== "dials") return;
    legend();
    show();
  });
  document.dispatchEvent(new Event("dials-asked"));
  legend();
  show();
  addEventListener("hashchange", linked);
  linked();
  document.documentElement.dataset.reader = "ready";
})();
