"use strict";
(() => {
  const PAGE = 100;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  // Copy the command.
  for (const button of $$("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText($(`#${button.dataset.copy}`).textContent);
      button.textContent = "Copied";
    });
  }

  // One filter for the cards and the list.
  const rows = JSON.parse($("#rows").textContent);
  const cards = $$(".card");
  const tools = $(".tools");
  const boxes = $$("input[name=result]", tools);
  const table = $("table.list");
  const pager = $(".pager");
  let found = [], first = 0;

  const cell = (row, text, name) => {
    const td = row.insertCell();
    if (name) td.className = name;
    td.append(text);
    return td;
  };
  const pathNode = ([path, page, , , , , , anchor]) => {
    const text = page ? `${path} (page ${page})` : path;
    if (!anchor) return text;
    const link = document.createElement("a");
    link.href = `#${anchor}`;
    link.textContent = text;
    return link;
  };
  const badge = (result) => {
    const span = document.createElement("span");
    span.className = `badge is-${result}`;
    span.textContent = result;
    return span;
  };
  const drawList = (size = PAGE) => {
    const body = $("tbody", table);
    body.replaceChildren();
    for (const entry of found.slice(first, first + size)) {
      const row = body.insertRow();
      cell(row, pathNode(entry));
      cell(row, badge(entry[2]));
      cell(row, entry[3], "quiet-ink");
      cell(row, entry[5], "num");
      cell(row, entry[6], "num");
    }
    table.hidden = !found.length;
    pager.hidden = found.length <= PAGE;
    const last = Math.min(first + PAGE, found.length);
    $("output", pager).textContent = `${first + 1} to ${last} of ${found.length}`;
    $("[data-turn='-1']", pager).disabled = first === 0;
    $("[data-turn='1']", pager).disabled = last === found.length;
  };
  const order = () => {
    const byPath = $("#order").value === "path";
    const collator = new Intl.Collator(undefined, { numeric: true });
    const byChange = (a, b) => (b[4] ?? -1) - (a[4] ?? -1);
    if (byPath) rows.sort((a, b) => collator.compare(a[0], b[0]) || a[1] - b[1]);
    else rows.sort(byChange);
    const holder = $(".cards");
    cards.sort((a, b) => byPath ? collator.compare(a.dataset.path, b.dataset.path) : a.dataset.rank - b.dataset.rank);
    holder.append(...cards);
  };
  const apply = () => {
    const words = $("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const results = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const fits = (result, ...texts) => {
      const text = texts.join(" ").toLowerCase();
      return results.has(result) && words.every((word) => text.includes(word));
    };
    let shown = 0;
    for (const card of cards) {
      card.hidden = !fits(card.dataset.result, card.dataset.path, card.dataset.steps);
      shown += !card.hidden;
    }
    found = rows.filter((row) => fits(row[2], row[0], row[3]));
    first = 0;
    drawList();
    $("#found").textContent = `${found.length} of ${rows.length}` + (cards.length ? `, ${shown} with pictures` : "");
  };
  let timer;
  $("#filter").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  $("#order").addEventListener("change", () => { order(); apply(); });
  boxes.forEach((box) => box.addEventListener("change", apply));
  tools.addEventListener("submit", (event) => event.preventDefault());
  pager.addEventListener("click", (event) => {
    const turn = +event.target.dataset.turn;
    if (!turn) return;
    first += turn * PAGE;
    drawList();
    $("#list").scrollIntoView();
  });
  // A tile shows only its own kind.
  for (const link of $$("[data-only]")) {
    if (!link.dataset.only) continue;
    link.addEventListener("click", () => {
      const known = boxes.some((box) => box.value === link.dataset.only);
      if (!known) return;
      for (const box of boxes) box.checked = box.value === link.dataset.only;
      $("#filter").value = "";
      apply();
    });
  }
  // A link to a card that the filter hides brings it back.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#photograph-']");
    const card = link && document.getElementById(link.hash.slice(1));
    if (card) card.hidden = false;
  });
  addEventListener("beforeprint", () => found.length <= 2000 && drawList(2000));
  addEventListener("afterprint", () => drawList());

  tools.hidden = !rows.length;
  order();
  apply();
})();
