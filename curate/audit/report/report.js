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

  // Tables: sorted by a click on a heading.
  const value = (cell) => {
    const text = (cell ? cell.textContent : "").trim();
    const parsed = parseFloat(text.replace(/[,\s%]/g, ""));
    return Number.isNaN(parsed) || !/^[-−±]?\d/.test(text) ? text : parsed;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      if (!head.textContent) return;
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

  // Thresholds.
  if (!data.sliders.length) return;
  const at = (slider) => Number(slider.input.value);
  const passes = (side, exclusive, value, bound) =>
    side === "min" ? (exclusive ? value > bound : value >= bound) : exclusive ? value < bound : value <= bound;

  // Documents that pass with these sliders where they are: exact for one, from the sample for several.
  const exact = (slider) => data.passed - slider.keeps[slider.own] + slider.keeps[at(slider)];
  const estimate = () => {
    const { fixed, rules } = data.sample;
    let passing = 0;
    for (let row = 0; row < fixed.length; row += 1) {
      passing += fixed[row]
        ? 0
        : data.sliders.every((slider) => {
            const column = rules[slider.rule];
            const found = column ? column[row] : null;
            return found === null || passes(slider.side, slider.exclusive, found, slider.values[at(slider)]);
          });
    }
    const n = fixed.length, p = passing / n, z = 1.959964, square = z * z;
    const middle = (p + square / (2 * n)) / (1 + square / n);
    const half = (z * Math.sqrt((p * (1 - p)) / n + square / (4 * n * n))) / (1 + square / n);
    const whole = n >= data.documents;
    return { best: p * data.documents, low: (middle - half) * data.documents, high: (middle + half) * data.documents, n, whole };
  };

  const show = document.getElementById("yield"), note = document.getElementById("yield-note");
  const command = document.getElementById("command");
  const moved = () => data.sliders.filter((slider) => at(slider) !== slider.own);
  const update = () => {
    const changed = moved();
    if (changed.length < 2) {
      const total = changed.length ? exact(changed[0]) : data.passed;
      const change = total - data.passed;
      show.textContent = `${number(total)} documents pass every rule`;
      note.textContent = changed.length ? `exact, ${change < 0 ? "−" : "+"}${number(Math.abs(change))}` : "as the run decided";
    } else {
      const { best, low, high, n, whole } = estimate();
      show.textContent = `${whole ? "" : "about "}${number(best)} documents pass every rule`;
      note.textContent = whole
        ? "counted on every document"
        : `between ${number(low)} and ${number(high)} (95 %, from a sample of ${number(n)})`;
    }
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
    const alone = change ? `${change < 0 ? "−" : "+"}${number(Math.abs(change))} documents` : "as the run decided";
    slider.output.textContent = `${sign} ${written(bound)}: ${alone}`;
    slider.input.setAttribute("aria-valuetext", slider.output.textContent);
    slider.card.classList.toggle("moved", at(slider) !== slider.own);
  };
  for (const slider of data.sliders) {
    slider.input = byName("slider", slider.name);
    slider.output = byName("output", slider.name);
    slider.line = byName("bound", slider.name);
    slider.outside = byName("outside", slider.name);
    slider.card = slider.input.closest(".card");
    slider.own = at(slider);
    slider.input.addEventListener("input", () => { place(slider); update(); });
    place(slider);
  }
  document.getElementById("reset").addEventListener("click", () => {
    for (const slider of data.sliders) { slider.input.value = slider.own; place(slider); }
    update();
  });
  update();
})();
