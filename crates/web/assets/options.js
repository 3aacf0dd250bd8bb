// Sends the request of a form with data-method, which HTML can't, and shows the page that comes back.
document.addEventListener("submit", async (event) => {
  const method = event.target.dataset.method;
  if (!method) return;
  event.preventDefault();
  const response = await fetch(event.target.action, { method, headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  document.body.replaceWith(page.body);
});
