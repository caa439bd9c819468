// The list of views: buttons, of which one is the current page.
export function render({ model }) {
  const nav = document.createElement("nav");
  nav.setAttribute("aria-label", model.label);
  const buttons = JSON.parse(model.views).map(([key, words]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.dataset.view = key;
    button.addEventListener("click", () => { model.active = key; });
    nav.append(button);
    return button;
  });
  const mark = () => {
    for (const button of buttons) {
      if (button.dataset.view === model.active) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
  };
  model.on("active", mark);
  mark();
  return nav;
}
