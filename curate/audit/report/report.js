"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const number = (value) => Math.round(value).toLocaleString("en-US");

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
})();
