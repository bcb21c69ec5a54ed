// A second press while the first is under way would spend what works once: a code, a link, the sign-in itself.
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    // a request that fails leaves the page as it is
    setTimeout(() => delete form.dataset.sent, 10000);
  });
}
// *Back* shows the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
