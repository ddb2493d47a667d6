"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const form = $("form#decision");
  const range = $(".stage input[type=range]");
  const show = (value) => {
    range.value = value;
    range.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const press = (name) => $(`[data-toggle=${name}]`)?.click();
  // Of what lies over the result (borrowed places, colours, faces) the next one, then none.
  const nextOverlay = () => {
    const names = [...document.querySelectorAll(".stage .overlay")].map((one) => one.dataset.overlay);
    const shown = names.findIndex((name) => $(`[data-toggle=${name}]`).getAttribute("aria-pressed") === "true");
    const next = shown + 1 < names.length ? names[shown + 1] : names[shown];
    if (next) press(next);
  };
  const decide = (value) => {
    const button = form?.querySelector(`button[value=${value}]`);
    const reason = form?.elements.reason;
    if (!button) return;
    // What needs a reason begins with typing it; Ctrl and Enter then send it.
    if (value !== "approve" && !reason.value.trim()) {
      reason.focus();
      reason.dataset.then = value;
      return;
    }
    form.requestSubmit(button);
  };
  let held = null;
  const hold = (value) => {
    if (!range || held !== null) return;
    held = range.value;
    show(value);
  };
  const follow = (id) => { const link = document.getElementById(id); if (link) location.href = link.href; };
  const keys = {
    j: () => follow("after"), k: () => follow("before"),
    a: () => decide("approve"), r: () => decide("reject"), n: () => decide("note"),
    m: () => press("mask"), z: () => press("detail"), o: nextOverlay,
    s: () => hold(100), d: () => hold(0),
    ArrowLeft: () => range && show(Math.max(0, +range.value - 5)),
    ArrowRight: () => range && show(Math.min(100, +range.value + 5)),
  };
  const typing = (target) => target.closest("input:not([type=range]), textarea, select") !== null;
  document.addEventListener("keydown", (event) => {
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        decide(event.target.dataset.then || "note");
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!(key in keys)) return;
    event.preventDefault();
    keys[key]();
  });
  document.addEventListener("keyup", (event) => {
    if (held !== null && ["s", "d"].includes(event.key.toLowerCase())) {
      show(held);
      held = null;
    }
  });
  // A second click must not decide about the next photograph.
  form?.addEventListener("submit", () => setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  }));
  document.querySelector(".queue [aria-current]")?.scrollIntoView({ block: "nearest" });
})();
