// A choice of files. One that is too large is refused here, before it travels.
export function render({ model }) {
  const box = document.createElement("p");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const said = document.createElement("strong");
  input.type = "file";
  input.accept = ".csv";
  input.id = "files";
  label.htmlFor = "files";
  label.textContent = model.label;
  said.setAttribute("role", "alert");
  input.addEventListener("change", async () => {
    const file = input.files[0];
    said.textContent = "";
    if (!file) return;
    if (file.size > model.most) {
      said.textContent = model.refusal;
      input.value = "";
      return;
    }
    model.file = JSON.stringify({ name: file.name, text: await file.text(), at: Date.now() });
    input.value = "";
  });
  box.className = "files";
  box.append(label, input, said);
  return box;
}
