"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const number = (value) => Math.round(value).toLocaleString("en-US");
  const written = (value) => Number(value.toPrecision(9)).toString();
  const byName = (attribute, name) =>
    Array.from(document.querySelectorAll(`[data-${attribute}]`)).find((each) => each.dataset[attribute] === name);

  // Theme: the system's, until a person says otherwise.
  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // Ids, addresses and commands are copied by a click, Enter or Space.
  const copy = (element) => {
    const text = element.dataset.copy || element.textContent;
    const done = () => {
      element.classList.add("copied");
      setTimeout(() => element.classList.remove("copied"), 1200);
    };
    const byHand = () => {
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      done();
    };
    if (navigator.clipboard && isSecureContext) navigator.clipboard.writeText(text).then(done, byHand);
    else byHand();
  };
  document.addEventListener("click", (event) => {
    const element = event.target.closest && event.target.closest(".copy");
    if (element) copy(element);
  });
  document.addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key) || !event.target.matches(".copy")) return;
    event.preventDefault();
    copy(event.target);
  });

  // Contents: the section that is read is marked, and in view.
  const links = new Map(Array.from(document.querySelectorAll("nav a"), (link) => [link.hash.slice(1), link]));
  const strip = document.querySelector("nav > div");
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const [name, link] of links) {
        if (name === target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      const link = links.get(target.id);
      strip.scrollLeft = link.offsetLeft - strip.clientWidth / 2 + link.offsetWidth / 2;
    }
  }, { rootMargin: "-30% 0px -65% 0px" });
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);

  // Languages: a code's name, where the browser knows it.
  try {
    const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" });
    for (const cell of document.querySelectorAll("[data-language]")) {
      const code = cell.dataset.language, name = /^[a-z]{2,3}$/.test(code) ? names.of(code) : undefined;
      if (!name) continue;
      const more = document.createElement("small");
      more.textContent = ` ${name}`;
      cell.firstChild.after(more);
    }
  } catch { /* codes alone are enough */ }

  // Paper: what is folded is opened, but for texts and settings.
  const folded = new Set();
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("main details:not([open])")) {
      if (each.closest(".card, #settings")) continue;
      folded.add(each);
      each.open = true;
    }
  });
  addEventListener("afterprint", () => { for (const each of folded) each.open = false; folded.clear(); });

  // Tables: sorted by a click on a heading.
  const value = (cell) => {
    const text = (cell ? cell.textContent : "").trim();
    const parsed = parseFloat(text.replace(/[<,\s%]/g, "").replace("−", "-"));
    const size = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[(/^[\d.,]+\s([kMGT])B?$/.exec(text) || [])[1]] || 1;
    return Number.isNaN(parsed) || !/^[-−±<]?\s?\d/.test(text) ? text : parsed * size;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      if (head.classList.contains("pic")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = Array.from(body.rows).map((row) => [value(row.cells[column]), row]);
        rows.sort(([a], [b]) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1));
        if (down) rows.reverse();
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  // The flow, in documents or in text. Its bands and names lead to the reader, which listens for what was asked.
  for (const button of document.querySelectorAll("[data-flow]")) {
    button.addEventListener("click", () => {
      for (const each of document.querySelectorAll("[data-flow]")) {
        each.setAttribute("aria-pressed", String(each === button));
        document.getElementById(`flow-${each.dataset.flow}`).hidden = each !== button;
      }
    });
  }
  for (const each of document.querySelectorAll(".sankey [data-fate]")) {
    each.addEventListener("click", (event) => {
      event.preventDefault();
      const { fate, source } = each.dataset;
      document.dispatchEvent(new CustomEvent("reader-asked", { detail: { fate, source: source || "" } }));
    });
  }

  // A link to a card opens what it is folded in.
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target && target.closest("details"); each; each = each.parentElement.closest("details")) each.open = true;
    if (target && target.matches(".card")) target.scrollIntoView({ behavior: "instant" });
  };
  addEventListener("hashchange", unfold);
  unfold();

  // What the run cost, at another price.
  const price = document.getElementById("price");
  if (price) {
    price.addEventListener("input", () => {
      const money = Number(price.value) || 0;
      for (const each of document.querySelectorAll("[data-hours]")) {
        const cost = money * Number(each.dataset.hours);
        each.textContent = cost ? Number(cost.toPrecision(2)).toLocaleString("en-US", { maximumSignificantDigits: 2 }) : "0";
      }
    });
  }

  // Overlaps: what a cell says, by pointer or arrow keys.
  const cells = document.getElementById("overlap-cells");
  if (cells) {
    const { rules, both } = data.overlap, said = document.getElementById("overlap-said");
    const cursor = document.getElementById("overlap-cursor");
    const size = Number(cells.dataset.cell), head = Number(cells.dataset.head);
    let row = 0, column = 0;
    const say = (i, j) => {
      [row, column] = [i, j].map((place) => Math.min(rules.length - 1, Math.max(0, place)));
      cursor.setAttribute("x", column * size);
      cursor.setAttribute("y", head + row * size);
      cursor.classList.add("on");
      const every = both[row][row], some = both[row][column];
      said.textContent = row === column
        ? `${number(every)} documents fail ${rules[row]}.`
        : `Of ${number(every)} documents that fail ${rules[row]}, ${number(some)} (${(100 * some / every).toFixed(1)} %) also fail ${rules[column]}.`;
    };
    const point = (event) => {
      const box = cells.getBoundingClientRect();
      const y = Math.floor((event.clientY - box.top - head) / size);
      if (y >= 0) say(y, Math.floor((event.clientX - box.left) / size));
    };
    cells.addEventListener("pointermove", point);
    cells.addEventListener("click", point);
    cells.addEventListener("focus", () => { if (cells.matches(":focus-visible")) say(row, column); });
    cells.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      say(row + step[0], column + step[1]);
    });
  }

  // Thresholds.
  if (!data.sliders.length) return;
  const at = (slider) => Number(slider.input.value);
  const passes = (side, exclusive, value, bound) =>
    side === "min" ? (exclusive ? value > bound : value >= bound) : exclusive ? value < bound : value <= bound;

  // Documents that pass with these sliders where they are: exact for one, from the sample for several.
  const exact = (slider) => data.passed - slider.keeps[slider.own] + slider.keeps[at(slider)];
  // Several: what the run decided is known, so the sample tells only the change (a difference estimator), its interval that
  // of matched proportions (Agresti and Min 2005). What one threshold alone does is exact, and what is tighter on top of it
  // keeps no more, what is looser no less: the estimate and its interval stay within these limits.
  const estimate = (changed) => {
    const { source, fixed, rules } = data.sample;
    const n = fixed.length, whole = n >= data.documents;
    let gained = 0, lost = 0;
    for (let row = 0; row < n; row += 1) {
      if (fixed[row]) continue;
      const all = (place) => data.sliders.every((slider) => {
        if (!slider.sources.includes(source[row])) return true;
        const column = rules[slider.rule];
        const found = column ? column[row] : null;
        return found === null || passes(slider.side, slider.exclusive, found, slider.values[place(slider)]);
      });
      const before = all((slider) => slider.own), after = all(at);
      if (before && !after) lost += 1;
      if (after && !before) gained += 1;
    }
    const tighter = changed.filter((slider) => (slider.side === "min") === (at(slider) > slider.own));
    const looser = changed.filter((slider) => !tighter.includes(slider));
    const limit = (these, others, best) =>
      others.length > 1 ? null : best(...(others.length ? others : these).map(exact));
    const most = limit(tighter, looser, Math.min) ?? data.documents, least = limit(looser, tighter, Math.max) ?? 0;
    const within = (total) => Math.min(most, Math.max(least, total));
    const scale = data.documents / n, best = data.passed + scale * (gained - lost);
    const up = gained + 0.5, down = lost + 0.5, m = n + 2, unseen = Math.max(0, 1 - n / data.documents);
    const half = 1.959964 * data.documents * Math.sqrt(unseen * (up + down - ((up - down) ** 2) / m)) / m;
    return { best: within(best), low: within(best - half), high: within(best + half), n, whole };
  };

  // What each document of the sample comes to with the sliders where they are: the map shows it.
  const decided = () => data.sample.fixed.map((fixed, row) => !fixed && data.sliders.every((slider) => {
    if (!slider.sources.includes(data.sample.source[row])) return true;
    const column = data.sample.rules[slider.rule], found = column ? column[row] : null;
    return found === null || passes(slider.side, slider.exclusive, found, slider.values[at(slider)]);
  }));

  // Where they are is kept in the page's address: #dials=NAME:VALUE;... leads to the same state.
  const begins = "#dials=";
  const remember = (changed) => {
    const state = changed.map((slider) => `${encodeURIComponent(slider.name)}:${written(slider.values[at(slider)])}`).join(";");
    if (state || location.hash.startsWith(begins)) history.replaceState(null, "", state ? begins + state : location.pathname + location.search);
    save(changed);
  };
  const recall = () => {
    if (!location.hash.startsWith(begins)) return;
    const wanted = new Map(location.hash.slice(begins.length).split(";").map((each) => each.split(":").map(decodeURIComponent)));
    for (const slider of data.sliders) {
      const value = wanted.has(slider.name) ? Number(wanted.get(slider.name)) : slider.values[slider.own];
      let best = 0;
      slider.values.forEach((each, index) => { if (Math.abs(each - value) < Math.abs(slider.values[best] - value)) best = index; });
      slider.input.value = Number.isFinite(value) ? best : slider.own;
      place(slider);
    }
  };

  // The run's pipeline with the moved thresholds, as a file: YAML, lists of steps as YAML's flow style, which JSON is.
  const yaml = (value, pad = "") => Object.entries(value).map(([key, each]) => {
    const name = `${pad}${JSON.stringify(key)}:`;
    if (Array.isArray(each) && each.some((one) => one && typeof one === "object")) return `${name}\n${each.map((one) => `${pad}  - ${JSON.stringify(one)}\n`).join("")}`;
    if (each && typeof each === "object" && !Array.isArray(each) && Object.keys(each).length) return `${name}\n${yaml(each, `${pad}  `)}`;
    return `${name} ${JSON.stringify(each)}\n`;
  }).join("").replace(/^(\s*)"([A-Za-z_][\w-]*)":/gm, "$1$2:");
  const piped = (changed) => {
    const tree = JSON.parse(JSON.stringify(data.pipeline)), left = [];
    for (const slider of changed) {
      const value = Number(written(slider.values[at(slider)])), [first, ...rest] = slider.key.split(".");
      const within = (object) => {
        for (const key of rest.slice(0, -1)) object = object[key] && typeof object[key] === "object" ? object[key] : (object[key] = {});
        object[rest[rest.length - 1]] = value;
      };
      if (first === "filters") { within(tree.filters ??= {}); continue; }
      const steps = slider.sources.flatMap((source) => tree.sources[data.outputs[source]].steps || []).filter((step) => step[first]);
      steps.forEach((step) => within(step[first]));
      if (!steps.length) left.push(slider);
    }
    return yaml(tree) + left.map((slider) => `# not written here: --set ${slider.key}=${written(slider.values[at(slider)])}\n`).join("");
  };
  const saved = document.getElementById("pipeline"), text = document.getElementById("pipeline-text");
  const save = (changed) => {
    saved.hidden = !data.pipeline || !changed.length;
    if (!saved.hidden) text.textContent = piped(changed);
  };
  document.getElementById("pipeline-save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text.textContent], { type: "application/yaml" }));
    link.download = `${data.pipeline.name}-changed.yaml`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  const show = document.getElementById("yield"), note = document.getElementById("yield-note");
  const command = document.getElementById("command"), bar = document.getElementById("yield-bar");
  const was = document.getElementById("yield-was");
  const share = (total) => `${(100 * total / Math.max(1, data.documents)).toFixed(2)}%`;
  for (const end of ["x1", "x2"]) was.setAttribute(end, share(data.passed));
  const moved = () => data.sliders.filter((slider) => at(slider) !== slider.own);
  const signed = (change) => `${change < 0 ? "−" : "+"}${number(Math.abs(change))}`;
  const update = () => {
    const changed = moved();
    let total;
    if (changed.length < 2) {
      total = changed.length ? exact(changed[0]) : data.passed;
      show.textContent = `${number(total)} documents pass every rule`;
      note.textContent = changed.length ? `exact, ${signed(total - data.passed)}` : "as the run decided";
    } else if (!data.sample.fixed.length) {
      show.textContent = "The run's sample is gone";
      note.textContent = "several thresholds are counted by the command below";
      total = data.passed;
    } else {
      const { best, low, high, n, whole } = estimate(changed);
      total = best;
      show.textContent = `${whole ? "" : "about "}${number(best)} documents pass every rule`;
      note.textContent = whole
        ? "counted on every document"
        : `between ${number(Math.floor(low))} and ${number(Math.ceil(high))} (95 %, estimated on a sample of ${number(n)})`;
    }
    bar.setAttribute("width", share(total));
    document.dispatchEvent(new CustomEvent("dials", { detail: decided() }));
    remember(changed);
    const sets = changed.map((slider) => `--set ${slider.key}=${written(slider.values[at(slider)])}`);
    command.textContent = changed.length ? `curate whatif ${data.run} ${sets.join(" ")}` : "";
  };
  const place = (slider) => {
    const x = slider.x[at(slider)], bound = slider.values[at(slider)];
    slider.line.setAttribute("x1", x);
    slider.line.setAttribute("x2", x);
    slider.outside.setAttribute("x", slider.side === "min" ? 0 : x);
    slider.outside.setAttribute("width", slider.side === "min" ? x : data.width - x);
    const change = slider.keeps[at(slider)] - slider.keeps[slider.own];
    const sign = slider.side === "min" ? (slider.exclusive ? ">" : "≥") : slider.exclusive ? "<" : "≤";
    const alone = at(slider) === slider.own ? "as the run decided" : `was ${written(slider.bound)}, ${signed(change)} documents`;
    slider.output.textContent = `${sign} ${written(bound)}: ${alone}`;
    slider.input.setAttribute("aria-valuetext", slider.output.textContent);
    slider.card.classList.toggle("moved", at(slider) !== slider.own);
  };
  const move = (slider, to) => {
    if (to === at(slider)) return;
    slider.input.value = to;
    place(slider);
    update();
  };

  // The line itself is dragged. A finger that scrolls the page moves nothing; one that taps or drags across does.
  const grab = (slider) => {
    const picture = slider.picture;
    let before = null;
    const follow = (event) => {
      const box = picture.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * data.width;
      let best = 0;
      slider.x.forEach((each, index) => { if (Math.abs(each - x) < Math.abs(slider.x[best] - x)) best = index; });
      move(slider, best);
    };
    picture.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      before = at(slider);
      picture.setPointerCapture(event.pointerId);
      if (event.pointerType === "mouse") follow(event);
    });
    picture.addEventListener("pointermove", (event) => { if (before !== null) follow(event); });
    picture.addEventListener("pointerup", () => { before = null; });
    picture.addEventListener("pointercancel", () => { if (before !== null) move(slider, before); before = null; });
    picture.addEventListener("click", (event) => { follow(event); slider.input.focus({ preventScroll: true }); });
  };

  // The knob sits on the line: the slider reaches from its first place to its last.
  const knob = 22;
  const align = (slider) => {
    const first = slider.x[0] / data.width, last = slider.x[slider.x.length - 1] / data.width;
    slider.input.style.width = `calc(${100 * (last - first)}% + ${knob}px)`;
    slider.input.style.marginLeft = `calc(${100 * first}% - ${knob / 2}px)`;
  };

  for (const slider of data.sliders) {
    slider.input = byName("slider", slider.name);
    slider.output = byName("output", slider.name);
    slider.line = byName("bound", slider.name);
    slider.outside = byName("outside", slider.name);
    slider.card = slider.input.closest(".card");
    slider.picture = slider.line.closest("svg");
    slider.own = at(slider);
    slider.input.addEventListener("input", () => { place(slider); update(); });
    align(slider);
    grab(slider);
    place(slider);
  }
  document.getElementById("reset").addEventListener("click", () => {
    for (const slider of data.sliders) { slider.input.value = slider.own; place(slider); }
    update();
  });
  document.addEventListener("dials-asked", update);
  addEventListener("hashchange", () => { recall(); update(); });
  recall();
  update();
})();
