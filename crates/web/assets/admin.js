// What the admin's pages can't do without a script: filter the menu, count what is selected. They work without it.
(() => {
  const filter = document.getElementById("side-filter");
  if (filter) {
    filter.hidden = false;
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const section of filter.parentElement.querySelectorAll("section")) {
        let any = false;
        for (const item of section.querySelectorAll("li")) {
          item.hidden = !item.firstElementChild.textContent.toLowerCase().includes(wanted);
          any ||= !item.hidden;
        }
        section.hidden = !any;
      }
    });
  }
  // A menu closes when something else is clicked, and by Escape.
  const close = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(null); });

  // A list: select all of a page, and say how many are.
  const count = (form) => {
    const boxes = [...form.querySelectorAll("[name=_selected_action]")];
    const picked = boxes.filter((box) => box.checked).length;
    const all = form.querySelector("[data-all]");
    const told = form.querySelector("[data-selected]");
    if (told) told.textContent = picked ? `${picked} selected` : "";
    if (all) [all.checked, all.indeterminate] = [picked === boxes.length, picked > 0 && picked < boxes.length];
  };
  const begin = () => { for (const all of document.querySelectorAll("[data-all]")) all.hidden = false; };
  begin();
  document.addEventListener("htmx:afterSettle", begin);
  document.addEventListener("change", (event) => {
    const form = event.target.closest("#selection");
    if (!form) return;
    if (event.target.matches("[data-all]")) {
      for (const box of form.querySelectorAll("[name=_selected_action]")) box.checked = event.target.checked;
    }
    count(form);
  });
  // A chooser takes what is clicked among its offers.
  document.addEventListener("click", (event) => {
    const offer = event.target.closest(".offers button");
    const chooser = offer?.closest("[data-chooser]");
    if (!chooser) return;
    chooser.querySelector("input").value = offer.dataset.value;
    chooser.querySelector("[data-chosen]").textContent = offer.textContent;
    chooser.querySelector("[data-search]").value = "";
    chooser.querySelector(".offers").replaceChildren();
  });
})();
