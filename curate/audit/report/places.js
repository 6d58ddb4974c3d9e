"use strict";
(() => {
  // A domain is looked for among all that the page holds; its name leads to its documents in the reader.
  const search = document.getElementById("domain-search"), said = document.getElementById("domain-said");
  const most = 40, number = (value) => Math.round(value).toLocaleString("en-US");
  const cell = (name, text, kind) => {
    const element = document.createElement(name);
    element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  document.addEventListener("reader-unpacked", (event) => {
    const all = event.detail.domains;
    if (!search || !all) return;
    const heads = ["domain", ...(all.source.length ? ["source"] : []), "documents", "kept", "rate", all.unit, "most lost to"];
    const show = () => {
      const wanted = search.value.trim().toLowerCase(), found = [];
      for (let row = 0; row < all.name.length; row += 1) if (all.name[row].toLowerCase().includes(wanted)) found.push(row);
      said.textContent = !wanted ? `${number(all.name.length)} domains, the most frequent, can be looked for.`
        : found.length ? `${number(found.length)} domains${found.length > most ? `, the ${most} most frequent shown` : ""}` : "No domain is called like that.";
      const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
      heads.forEach((each, place) => { const th = cell("th", each, place && place < heads.length - 1 && each !== "source" ? "n" : ""); th.scope = "col"; head.append(th); });
      for (const row of wanted ? found.slice(0, most) : []) {
        const line = body.insertRow(), first = cell("th", ""), button = cell("button", all.name[row], "name");
        first.scope = "row";
        button.type = "button";
        button.addEventListener("click", () => document.dispatchEvent(new CustomEvent("reader-asked", { detail: { search: all.name[row] } })));
        first.append(button);
        line.append(first);
        if (all.source.length) line.append(cell("td", all.source[row]));
        for (const text of [number(all.documents[row]), number(all.kept[row]), `${Number((100 * all.kept[row] / all.documents[row]).toPrecision(2))} %`, number(all.tokens[row])]) line.append(cell("td", text, "n"));
        line.append(cell("td", all.took[row] ? `${all.rules[all.rule[row]]} (${number(all.took[row])})` : ""));
      }
      document.getElementById("domain-rows").replaceChildren(...(body.rows.length ? [table] : []));
    };
    search.addEventListener("input", show);
    show();
  });
  // Areas of treemaps lead there too.
  for (const area of document.querySelectorAll(".area[data-facet]")) {
    area.addEventListener("click", () => {
      document.dispatchEvent(new CustomEvent("reader-asked", { detail: { [area.dataset.facet]: area.dataset.value } }));
    });
  }
})();
