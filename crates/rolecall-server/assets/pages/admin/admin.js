// Times in the zone of the reader. Without it, pages show them in UTC; the exact time stays in the title.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  }
}
// One box that ticks all boxes of its form.
for (const all of document.querySelectorAll("input[data-all]")) {
  all.closest("[hidden]")?.removeAttribute("hidden");
  all.addEventListener("change", () => {
    for (const one of all.form.querySelectorAll('input[type="checkbox"][name="user"]')) one.checked = all.checked;
  });
}
// After a fault, the summary is read first.
document.getElementById("faults")?.focus();
