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
  const showDetail = (box, on) => {
    const images = $$(".stage > .before, .stage > .after", box);
    const details = $$("img", $("template.detail", box).content);
    images.forEach((image, n) => {
      image.dataset.whole ??= image.src;
      image.src = on ? details[n].src : image.dataset.whole;
    });
  };
  for (const box of $$(".compare")) {
    const stage = $(".stage", box);
    const mask = $(".mask", stage);
    const overlays = $$(".overlay", stage);
    $(".controls", box).hidden = false;
    move(stage, 50);
    $("input", stage).addEventListener("input", (event) => move(stage, event.target.value));
    box.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.show) move(stage, 100 - button.dataset.show);
      if (!button.dataset.toggle) return;
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      // Of what lies over the result one is shown at a time: two would hide each other.
      const chosen = overlays.find((one) => one.dataset.overlay === button.dataset.toggle);
      for (const one of overlays) {
        if (chosen && one !== chosen) $(`[data-toggle=${one.dataset.overlay}]`, box).setAttribute("aria-pressed", false);
      }
      const pressed = (name) => $(`[data-toggle=${name}]`, box)?.getAttribute("aria-pressed") === "true";
      if (button.dataset.toggle === "detail") showDetail(box, on);
      // Mask and overlays are of the whole picture.
      if (mask) mask.hidden = !pressed("mask") || pressed("detail");
      if (mask && !mask.hidden && +$("input", stage).value < 25) move(stage, 100);
      for (const one of overlays) one.hidden = !pressed(one.dataset.overlay) || pressed("detail");
      if (chosen && !chosen.hidden && +$("input", stage).value > 25) move(stage, 0);
    });
  }
})();
