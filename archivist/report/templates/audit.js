"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("live");

  // Before and after: a range input moves the border between the two pictures.
  const move = (stage, value) => {
    const range = $("input", stage);
    range.value = value;
    stage.style.setProperty("--at", `${value}%`);
    range.setAttribute("aria-valuetext", `${value} % scan, ${100 - value} % result`);
  };
  for (const sheet of $$(".sheet")) {
    const stage = $(".stage", sheet);
    if (!stage) continue;
    const layers = $$(".layer", stage);
    const parts = $$("[data-part]", sheet);
    const map = $("[data-map]", sheet);
    const overlays = $$(".overlay", stage);
    const toggles = $$("[data-toggle]", sheet);
    $(".controls", sheet).hidden = false;
    move(stage, $("input", stage).value);
    $("input", stage).addEventListener("input", (event) => move(stage, event.target.value));
    // The map as a whole, or single parts of it.
    const draw = () => {
      const on = !map || map.getAttribute("aria-pressed") === "true";
      for (const layer of layers) {
        const part = parts.find((one) => one.dataset.part === layer.dataset.layer);
        layer.hidden = !on || part?.getAttribute("aria-pressed") === "false";
      }
      for (const overlay of overlays) {
        const toggle = toggles.find((one) => one.dataset.toggle === overlay.dataset.overlay);
        overlay.hidden = toggle.getAttribute("aria-pressed") !== "true";
      }
    };
    sheet.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.show) move(stage, 100 - button.dataset.show);
      if (!button.hasAttribute("aria-pressed")) return;
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      if (button.dataset.part && on && map) map.setAttribute("aria-pressed", true);
      // Map or one overlay: two would hide each other.
      const others = on ? [map, ...toggles].filter((one) => one && one !== button && !button.dataset.part) : [];
      for (const other of others) other.setAttribute("aria-pressed", false);
      if (button.dataset.part && on) for (const one of toggles) one.setAttribute("aria-pressed", false);
      draw();
    });
    draw();
  }
})();
