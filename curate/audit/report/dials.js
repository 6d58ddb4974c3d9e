"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const number = (value) => Math.round(value).toLocaleString("en-US");
  const written = (value) => Number(value.toPrecision(9)).toString();
  const percent = (share) => `${Number((100 * share).toPrecision(3))} %`;
  const signed = (change) => `${change < 0 ? "−" : "+"}${number(Math.abs(change))}`;
  const byName = (attribute, name) =>
    Array.from(document.querySelectorAll(`[data-${attribute}]`)).find((each) => each.dataset[attribute] === name);

  // How alike near-copies must be: of what the run removed, what is less like its survivor would stay.
  const copies = document.getElementById("copies-dial");
  if (copies) {
    const { least, below, removed } = data.copies, out = document.getElementById("copies-said");
    const line = document.getElementById("copies-line"), call = document.getElementById("copies-call");
    copies.addEventListener("input", () => {
      const at = Number(copies.value), stay = below[at - Number(copies.min)];
      for (const end of ["x1", "x2"]) line.setAttribute(end, (at / 100) * data.width);
      const same = Number(copies.value) === Number(copies.min);
      out.textContent = same
        ? `at least ${written(least)} alike: ${number(removed)} near-cop${removed === 1 ? "y" : "ies"} removed, as the run decided`
        : `at least ${written(at / 100)} alike: about ${number(stay)} of ${number(removed)} removed near-cop${removed === 1 ? "y" : "ies"} would stay`;
      copies.setAttribute("aria-valuetext", out.textContent);
      call.textContent = same ? "" : `--set deduplicate.minhash.verify=${written(at / 100)}`;
    });
    copies.dispatchEvent(new Event("input"));
  }

  // A dial is a threshold on a number, or a list of languages. Each says whether it was moved, which way (1: lets more pass,
  // -1: fewer, 0: other ones), how many documents pass every rule with it alone moved, and which rows of the sample it passes.
  if (!data.sliders.length && !data.choices.length) return;
  const passes = (side, exclusive, value, bound) =>
    side === "min" ? (exclusive ? value > bound : value >= bound) : exclusive ? value < bound : value <= bound;
  const at = (slider) => Number(slider.input.value);
  const sample = data.sample;
  const sliders = data.sliders.map((slider) => Object.assign(slider, {
    moved: () => at(slider) !== slider.own,
    way: () => (slider.side === "min") === (at(slider) > slider.own) ? -1 : 1,
    exact: () => data.passed - slider.keeps[slider.own] + slider.keeps[at(slider)],
    column: sample.rules[slider.rule] || [],
    row: (row, now) => {
      const found = slider.column[row];
      return found === null || found === undefined ||
        passes(slider.side, slider.exclusive, found, slider.values[now ? at(slider) : slider.own]);
    },
    setting: () => Number(written(slider.shares ? slider.shares[at(slider)] : slider.values[at(slider)])),
    told: () => written(slider.values[at(slider)]),
  }));
  const choices = data.choices.map((choice) => {
    const kept = new Set(choice.keeps), now = new Set(kept);
    const gained = () => Array.from(now).filter((each) => !kept.has(each));
    const lost = () => choice.keeps.filter((each) => !now.has(each));
    const sum = (these) => these.reduce((total, each) => total + (choice.counts[each] || 0), 0);
    return Object.assign(choice, {
      now,
      reset: () => { now.clear(); for (const each of kept) now.add(each); },
      moved: () => gained().length + lost().length > 0,
      way: () => (gained().length && lost().length ? 0 : gained().length ? 1 : -1),
      exact: () => data.passed + sum(gained()) - sum(lost()),
      row: (row, current) => (current ? now : kept).has(sample.language[row]),
      setting: () => [...choice.keeps.filter((each) => now.has(each)), ...gained()],
      told: () => choice.setting().join("+"),
    });
  });
  const dials = [...sliders, ...choices];
  const shared = sliders.filter((slider) => slider.shares);  // the best scored so many of what passes all else

  // Which rows of the sample pass every rule. Where a share of the best scored is kept, its least score is `found` again
  // among the rows that pass the other rules, as a run finds it.
  const half = (value) => { const whole = Math.floor(value), rest = value - whole; return rest > 0.5 || (rest === 0.5 && whole % 2) ? whole + 1 : whole; };
  const judged = (now, found) => {
    const passing = sample.fixed.map((fixed) => !fixed);
    for (const dial of dials) {
      if (dial.shares && found) continue;
      const mine = new Set(dial.sources);
      passing.forEach((pass, row) => { if (pass && mine.has(sample.source[row]) && !dial.row(row, now)) passing[row] = false; });
    }
    for (const dial of found ? shared : []) {
      const mine = new Set(dial.sources), share = dial.shares[now ? at(dial) : dial.own];
      const rows = passing.flatMap((pass, row) => (pass && mine.has(sample.source[row]) ? [row] : []));
      const scores = rows.map((row) => dial.column[row]).filter((score) => score !== null).sort((a, b) => b - a);
      const wanted = half(share * scores.length), least = wanted ? scores[wanted - 1] : Infinity;
      for (const row of rows) if (dial.column[row] === null || dial.column[row] < least) passing[row] = false;
    }
    return passing;
  };
  // Whether a share is found again: another dial of its sources was moved.
  const finds = (changed) =>
    shared.some((dial) => changed.some((other) => other !== dial && other.sources.some((each) => dial.sources.includes(each))));

  // Several: what the run decided is known, so the sample tells only the change (a difference estimator), its interval that
  // of matched proportions (Agresti and Min 2005). What one threshold alone does is exact, and what is tighter on top of it
  // keeps no more, what is looser no less: the estimate and its interval stay within these limits.
  let before = null;
  const estimate = (changed) => {
    const n = sample.fixed.length, whole = n >= data.documents, after = judged(true, shared.length > 0);
    before ??= judged(false, shared.length > 0);
    let gained = 0, lost = 0;
    for (let row = 0; row < n; row += 1) {
      if (before[row] && !after[row]) lost += 1;
      if (after[row] && !before[row]) gained += 1;
    }
    const bound = !finds(changed) && changed.every((dial) => dial.way());
    const tighter = changed.filter((dial) => dial.way() < 0), looser = changed.filter((dial) => dial.way() > 0);
    const limit = (these, others, best) =>
      others.length > 1 || !bound ? null : best(...(others.length ? others : these).map((dial) => dial.exact()));
    const most = limit(tighter, looser, Math.min) ?? data.documents, least = limit(looser, tighter, Math.max) ?? 0;
    const within = (total) => Math.min(most, Math.max(least, total));
    const scale = data.documents / n, best = data.passed + scale * (gained - lost);
    const up = gained + 0.5, down = lost + 0.5, m = n + 2, unseen = Math.max(0, 1 - n / data.documents);
    const half = 1.959964 * data.documents * Math.sqrt(unseen * (up + down - ((up - down) ** 2) / m)) / m;
    return { best: within(best), low: within(best - half), high: within(best + half), n, whole };
  };

  // Where they are is kept in the page's address: #dials=NAME:VALUE;... leads to the same state.
  const begins = "#dials=";
  const remember = (changed) => {
    const state = changed.map((dial) => `${encodeURIComponent(dial.name)}:${encodeURIComponent(dial.told())}`).join(";");
    if (state || location.hash.startsWith(begins)) history.replaceState(null, "", state ? begins + state : location.pathname + location.search);
    save(changed);
  };
  const recall = () => {
    if (!location.hash.startsWith(begins)) return;
    const wanted = new Map(location.hash.slice(begins.length).split(";").map((each) => each.split(":").map(decodeURIComponent)));
    for (const slider of sliders) {
      const value = wanted.has(slider.name) ? Number(wanted.get(slider.name)) : slider.values[slider.own];
      let best = 0;
      slider.values.forEach((each, index) => { if (Math.abs(each - value) < Math.abs(slider.values[best] - value)) best = index; });
      slider.input.value = Number.isFinite(value) ? best : slider.own;
      place(slider);
    }
    for (const choice of choices) {
      choice.reset();
      if (wanted.has(choice.name)) {
        choice.now.clear();
        for (const each of wanted.get(choice.name).split("+")) if (each in choice.counts || choice.keeps.includes(each)) choice.now.add(each);
        if (!choice.now.size) choice.reset();
      }
      tick(choice);
    }
  };

  // The run's pipeline with the moved thresholds, as a file: YAML, lists of steps as YAML's flow style, which JSON is.
  const yaml = (value, pad = "") => Object.entries(value).map(([key, each]) => {
    const name = `${pad}${JSON.stringify(key)}:`;
    if (Array.isArray(each) && each.some((one) => one && typeof one === "object")) return `${name}\n${each.map((one) => `${pad}  - ${JSON.stringify(one)}\n`).join("")}`;
    if (each && typeof each === "object" && !Array.isArray(each) && Object.keys(each).length) return `${name}\n${yaml(each, `${pad}  `)}`;
    return `${name} ${JSON.stringify(each)}\n`;
  }).join("").replace(/^(\s*)"([A-Za-z_][\w-]*)":/gm, "$1$2:");
  const asked = (dial) => (dial.now ? `'${dial.key}=[${dial.setting().join(", ")}]'` : `${dial.key}=${written(dial.setting())}`);
  const piped = (changed) => {
    const tree = JSON.parse(JSON.stringify(data.pipeline)), left = [];
    for (const dial of changed) {
      const value = dial.setting(), [first, ...rest] = dial.key.split(".");
      const within = (object) => {
        for (const key of rest.slice(0, -1)) object = object[key] && typeof object[key] === "object" ? object[key] : (object[key] = {});
        object[rest[rest.length - 1]] = value;
      };
      if (first === "filters") { within(tree.filters ??= {}); continue; }
      const steps = dial.sources.flatMap((source) => tree.sources[data.outputs[source]].steps || []).filter((step) => step[first]);
      steps.forEach((step) => within(step[first]));
      if (!steps.length) left.push(dial);
    }
    return yaml(tree) + left.map((dial) => `# not written here: --set ${asked(dial)}\n`).join("");
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
  const moved = () => dials.filter((dial) => dial.moved());
  const update = () => {
    const changed = moved();
    let total;
    if (changed.length < 2 && !finds(changed)) {
      total = changed.length ? changed[0].exact() : data.passed;
      show.textContent = `${number(total)} documents pass every rule`;
      note.textContent = changed.length ? `exact, ${signed(total - data.passed)}` : "as the run decided";
    } else if (!data.sample.fixed.length) {
      show.textContent = "The run's sample is gone";
      note.textContent = "several dials together are counted by the command below";
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
    document.dispatchEvent(new CustomEvent("dials", { detail: judged(true, changed.length > 0) }));
    remember(changed);
    const sets = changed.map((dial) => `--set ${asked(dial)}`);
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
    const best = slider.shares ? `the best ${percent(slider.shares[at(slider)])}, ` : "";
    slider.output.textContent = `${best}${sign} ${written(bound)}: ${alone}`;
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

  for (const slider of sliders) {
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
  // A language is ticked or not; the last one stays.
  const tick = (choice) => {
    for (const box of choice.boxes) box.checked = choice.now.has(box.value);
    const says = choice.moved() ? `keeps ${choice.setting().join(", ")}: ${signed(choice.exact() - data.passed)} documents` : `keeps ${choice.keeps.join(", ")}, as the run decided`;
    choice.output.textContent = says;
    choice.card.classList.toggle("moved", choice.moved());
  };
  for (const choice of choices) {
    choice.boxes = Array.from(document.querySelectorAll("[data-choice]")).filter((box) => box.dataset.choice === choice.name);
    choice.output = byName("chosen", choice.name);
    choice.card = choice.output.closest(".card");
    for (const box of choice.boxes) {
      box.addEventListener("change", () => {
        if (box.checked) choice.now.add(box.value); else if (choice.now.size > 1) choice.now.delete(box.value);
        tick(choice);
        update();
      });
    }
    tick(choice);
  }
  // A published pack's bounds, where it has some on the same metrics: each is a place of its dial.
  for (const button of document.querySelectorAll("[data-preset]")) {
    button.addEventListener("click", () => {
      for (const [name, bound] of Object.entries(data.presets[button.dataset.preset])) {
        const slider = sliders.find((each) => each.name === name);
        slider.input.value = slider.values.indexOf(bound);
        place(slider);
      }
      update();
    });
  }
  document.getElementById("reset").addEventListener("click", () => {
    for (const slider of sliders) { slider.input.value = slider.own; place(slider); }
    for (const choice of choices) { choice.reset(); tick(choice); }
    update();
  });
  document.addEventListener("dials-asked", update);
  addEventListener("hashchange", () => { recall(); update(); });
  recall();
  update();
})();
