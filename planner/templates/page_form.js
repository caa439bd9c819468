// A form of native controls. While one moves, its value is sent at most every PAUSE milliseconds, and once at the end.
const PAUSE = 60;
let forms = 0;

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== "" && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
};

const plain = (number) => Number(number.toFixed(6));

export function render({ model }) {
  const form = make("form", { class: "controls" });
  const values = JSON.parse(model.values);
  const parts = [];
  const id = `form${forms++}`;
  let timer = null;
  let waiting = false;

  const send = () => {
    timer = null;
    if (!waiting) return;
    waiting = false;
    model.values = JSON.stringify(values);
    timer = setTimeout(send, PAUSE);
  };
  const moved = (name, value) => {
    values[name] = value;
    show();
    waiting = true;
    if (timer === null) send();
  };
  const show = () => {
    for (const part of parts) {
      part.put(values[part.spec.name]);
      part.box.hidden = Object.entries(part.spec.when).some(([name, key]) => values[name] !== key);
    }
  };

  const choice = (spec, key) => {
    const select = make("select", { id: key, name: spec.name });
    for (const [value, words] of spec.options) select.append(make("option", { value }, words));
    select.addEventListener("change", () => moved(spec.name, select.value));
    return { row: select, put: (value) => { select.value = value; } };
  };

  const line = (spec, key) => {
    const keys = spec.options.map(([value]) => value);
    const range = make("input", { type: "range", id: key, name: spec.name, min: 0, max: keys.length - 1, step: 1 });
    const words = make("output", { for: key });
    range.addEventListener("input", () => moved(spec.name, keys[Number(range.value)]));
    const put = (value) => {
      range.value = keys.indexOf(value);
      words.textContent = Object.fromEntries(spec.options)[value] ?? "";
      range.setAttribute("aria-valuetext", words.textContent);
    };
    return { row: make("span", { class: "row" }, range, words), put };
  };

  const number = (spec, key, units) => {
    const limits = { min: spec.low, max: spec.high };
    const range = make("input", { type: "range", id: key, name: spec.name, step: spec.step, ...limits });
    const typed = make("input", { type: "number", step: "any", "aria-label": `${spec.label}, typed`, ...limits });
    range.addEventListener("input", () => moved(spec.name, plain(Number(range.value))));
    typed.addEventListener("change", () => {
      const value = typed.value === "" ? values[spec.name] : Number(typed.value);
      moved(spec.name, Math.min(spec.high, Math.max(spec.low, value)));
    });
    const put = (value) => {
      if (Number(range.value) !== value) range.value = value;
      if (typed.getRootNode().activeElement !== typed || Number(typed.value) !== value) typed.value = value;
      const open = spec.most && value >= spec.high;
      units.textContent = open ? spec.most : spec.units;
      range.setAttribute("aria-valuetext", open ? spec.most : `${value} ${spec.units}`);
    };
    return { row: make("span", { class: "row" }, range, typed), put };
  };

  for (const spec of JSON.parse(model.specs)) {
    const key = `${id}-${spec.name}`;
    const kind = spec.options.length === 0 ? number : spec.slides ? line : choice;
    const units = make("span", { class: "units" }, spec.units);
    const part = kind(spec, key, units);
    const head = make("span", { class: "head" }, make("label", { for: key }, spec.label), units);
    const box = make("div", { class: "control" }, head, part.row);
    if (spec.note) box.append(make("small", {}, spec.note));
    form.append(box);
    parts.push({ spec, box, put: part.put });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  model.on("values", () => {
    Object.assign(values, waiting ? {} : JSON.parse(model.values));
    show();
  });
  show();
  return form;
}
